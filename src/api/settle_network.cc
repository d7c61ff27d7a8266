// VPCs and subnets.
#include <algorithm>

#include "api/allocate.h"
#include "api/change.h"
#include "api/resolve.h"
#include "api/settle.h"
#include "api/settle_text.h"
#include "model/border.h"

namespace weft::api {

using base::Code;

namespace {

Result<std::optional<net::Prefix>> range6_of(Draft& draft, const std::string& text, const model::Vpc* there) {
  switch (choice_of(text)) {
    case Choice::None: return std::optional<net::Prefix>();
    case Choice::Named: return std::optional(TRY(take_prefix(draft, text).in_field("cidr6")));
    case Choice::Auto: break;
  }
  if (there != nullptr && there->cidr6) return there->cidr6;
  return std::optional(make_range6(draft.around().rng));
}

Result<std::optional<net::Prefix>> range6_of(Draft& draft, const std::string& text, const model::Vpc& vpc,
                                             const model::Subnet* there) {
  switch (choice_of(text)) {
    case Choice::None: return std::optional<net::Prefix>();
    case Choice::Named: return std::optional(TRY(take_prefix(draft, text).in_field("cidr6")));
    case Choice::Auto: break;
  }
  if (there != nullptr && there->cidr6) return there->cidr6;
  return take_range6(draft, vpc);
}

// Members may reach each other, and everything may go out.
void put_default_group(Draft& draft, const model::Vpc& vpc) {
  draft.put(model::Group{.id = vpc.default_group,
                         .name = std::string(kDefaultName),
                         .vpc = vpc.id,
                         .on_revoke = model::OnRevoke::Cut,
                         .description = "made with the VPC"});
  draft.put(model::Rule{.id = draft.make_id<model::Rule>(),
                        .group = vpc.default_group,
                        .direction = model::Direction::In,
                        .traffic = {},
                        .peer = vpc.default_group,
                        .until = {},
                        .mode = model::Mode::Enforce,
                        .description = {}});
  put_open_egress(draft, vpc.default_group);
}

}  // namespace

Result<model::VpcId> settle_vpc(Draft& draft, const std::string& name, const v1::VpcSpec& spec, IfThere policy) {
  const auto found = draft.find_names(model::VpcTag::kPrefix, name);
  const model::Vpc* there = found.empty() ? nullptr : draft.find(model::VpcId{found.front().second});
  model::Vpc vpc;
  vpc.id = there != nullptr ? there->id : draft.make_id<model::Vpc>();
  vpc.name = name;
  vpc.cidrs = TRY(take_prefixes(draft, spec.cidrs(), "cidrs"));
  vpc.cidr6 = TRY(range6_of(draft, spec.cidr6(), there));
  vpc.default_group = there != nullptr ? there->default_group : draft.make_id<model::Group>();
  vpc.internet = static_cast<model::Internet>(spec.internet());
  vpc.egress_only = static_cast<model::Internet>(spec.egress_only());
  if (there != nullptr) {
    vpc.main_table = there->main_table;
    vpc.default_acl = there->default_acl;
    vpc.gateway_table = there->gateway_table;
  }
  if (there == nullptr) {
    put_default_group(draft, vpc);
    base::Rng& rng = draft.around().rng;
    for (model::Object& object : model::begin_border(vpc, [&] { return rng.next(); })) draft.put(std::move(object));
  } else if (policy == IfThere::Same) {
    TRY_VOID(expect_same(*there, vpc));
  }
  draft.put(vpc);
  return vpc.id;
}

Result<model::SubnetId> settle_subnet(Draft& draft, const std::string& name, const v1::SubnetSpec& spec,
                                      IfThere policy) {
  const model::VpcId vpc = TRY(resolve_vpc_or_default(draft, spec.vpc()).in_field("vpc"));
  const model::Subnet* there = find_named<model::Subnet>(draft, vpc.text, name);
  model::Subnet subnet;
  subnet.id = there != nullptr ? there->id : draft.make_id<model::Subnet>();
  subnet.name = name;
  subnet.vpc = vpc;
  subnet.cidr = TRY(take_prefix(draft, spec.cidr()).in_field("cidr"));
  subnet.cidr6 = TRY(range6_of(draft, spec.cidr6(), draft.get(vpc), there));
  if (!spec.table().empty()) subnet.table = TRY(resolve_table(draft, spec.table(), {.vpc = vpc}).in_field("table"));
  if (!spec.acl().empty()) subnet.acl = TRY(resolve_acl(draft, spec.acl(), {.vpc = vpc}).in_field("acl"));
  if (there != nullptr && policy == IfThere::Same) TRY_VOID(expect_same(*there, subnet));
  draft.put(subnet);
  return subnet.id;
}

}  // namespace weft::api
