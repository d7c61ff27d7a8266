// Vpcs and Subnets.
#include <algorithm>

#include "api/allocate.h"
#include "api/list.h"
#include "api/method.h"
#include "api/services.h"
#include "api/settle.h"
#include "api/settle_text.h"
#include "api/view.h"

namespace weft::api {

using base::Code;

namespace {

Result<v1::Created> create_vpc(Draft& draft, const v1::VpcCreateRequest& request) {
  v1::VpcSpec spec;
  *spec.mutable_cidrs() = request.cidrs();
  spec.set_cidr6(request.cidr6());
  const auto id = TRY(settle_vpc(draft, request.name(), spec, IfThere::Same));
  return created(id.text, request.name());
}

Result<v1::Changed> set_vpc(Draft& draft, const v1::VpcSetRequest& request) {
  model::Vpc vpc = draft.get(TRY(resolve_vpc(draft, request.name()).in_field("name")));
  for (const net::Prefix& range : TRY(take_prefixes(draft, request.add_cidrs(), "add_cidrs"))) {
    if (std::find(vpc.cidrs.begin(), vpc.cidrs.end(), range) == vpc.cidrs.end()) vpc.cidrs.push_back(range);
  }
  if (!request.main_table().empty()) {
    vpc.main_table = TRY(resolve_table(draft, request.main_table(), {.vpc = vpc.id}).in_field("main_table"));
  }
  draft.put(vpc);
  return v1::Changed();
}

Result<v1::VpcListAnswer> list_vpcs(const Asked& asked, const v1::VpcListRequest&) {
  v1::VpcListAnswer answer;
  const model::State& state = asked.backend.state();
  for (const auto& [id, vpc] : state.all<model::Vpc>()) *answer.add_items() = view(state, vpc);
  sort_by_name(*answer.mutable_items());
  return answer;
}

Result<v1::VpcItem> get_vpc(const Asked& asked, const v1::GetRequest& request) {
  const auto id = TRY(resolve_vpc(asked.draft, request.name()).in_field("name"));
  return view(asked.backend.state(), asked.draft.get(id));
}

// What was made with the VPC goes with it; other groups, tables and ACLs must have gone
// before.
Result<v1::Changed> remove_vpc(Draft& draft, const v1::RemoveRequest& request) {
  const auto id = TRY(resolve_vpc(draft, request.name()).in_field("name"));
  const model::Vpc vpc = draft.get(id);
  for (const model::RuleId& rule : draft.rules_of(vpc.default_group)) draft.remove(rule);
  for (const model::RouteId& route : draft.routes_of(vpc.main_table)) draft.remove(route);
  for (const model::AclRuleId& rule : draft.rules_of(vpc.default_acl)) draft.remove(rule);
  draft.remove(vpc.default_group);
  draft.remove(vpc.main_table);
  draft.remove(vpc.default_acl);
  draft.remove(id);
  return v1::Changed();
}

Result<v1::Created> create_subnet(Draft& draft, const v1::SubnetCreateRequest& request) {
  v1::SubnetSpec spec;
  spec.set_vpc(request.vpc());
  spec.set_cidr(request.cidr());
  spec.set_cidr6(request.cidr6());
  spec.set_table(request.table());
  spec.set_acl(request.acl());
  const auto placed = TRY(place(draft, request.name(), spec));
  const auto id = TRY(settle_subnet(draft, placed.name, placed.spec, IfThere::Same));
  return created(id.text, placed.name);
}

Result<v1::Changed> set_subnet(Draft& draft, const v1::SubnetSetRequest& request) {
  const model::Subnet& subnet = draft.get(TRY(resolve_subnet(draft, request.name()).in_field("name")));
  v1::SubnetSpec spec;
  spec.set_vpc(subnet.vpc.text);
  spec.set_cidr(subnet.cidr.text());
  spec.set_cidr6(request.has_cidr6() ? request.cidr6() : subnet.cidr6 ? subnet.cidr6->text() : "none");
  spec.set_table(request.has_table() ? request.table() : subnet.table.text);
  spec.set_acl(request.has_acl() ? request.acl() : subnet.acl.text);
  TRY(settle_subnet(draft, std::string(subnet.name), spec, IfThere::Change));
  return v1::Changed();
}

Result<v1::SubnetListAnswer> list_subnets(const Asked& asked, const v1::ListRequest& request) {
  return list_in_vpc<model::Subnet, v1::SubnetListAnswer>(
      asked, request, [&](const model::Subnet& object) { return view(asked.backend.state(), object); });
}

Result<v1::SubnetItem> get_subnet(const Asked& asked, const v1::GetRequest& request) {
  const auto id = TRY(resolve_subnet(asked.draft, request.name()).in_field("name"));
  return view(asked.backend.state(), asked.draft.get(id));
}

Result<v1::Changed> remove_subnet(Draft& draft, const v1::RemoveRequest& request) {
  const auto id = TRY(resolve_subnet(draft, request.name()).in_field("name"));
  for (const model::BlockId& block : draft.blocks_of(id)) draft.remove(block);
  draft.remove(id);
  return v1::Changed();
}

}  // namespace

void add_networks(Dispatch& dispatch) {
  add_write(dispatch, "Vpcs/Create", create_vpc);
  add_write(dispatch, "Vpcs/Set", set_vpc);
  add_read(dispatch, "Vpcs/List", list_vpcs);
  add_read(dispatch, "Vpcs/Get", get_vpc);
  add_write(dispatch, "Vpcs/Remove", remove_vpc);
  add_write(dispatch, "Subnets/Create", create_subnet);
  add_write(dispatch, "Subnets/Set", set_subnet);
  add_read(dispatch, "Subnets/List", list_subnets);
  add_read(dispatch, "Subnets/Get", get_subnet);
  add_write(dispatch, "Subnets/Remove", remove_subnet);
}

}  // namespace weft::api
