// Interfaces.
#include <algorithm>

#include "api/allocate.h"
#include "api/change.h"
#include "api/resolve.h"
#include "api/settle.h"
#include "api/settle_text.h"
#include "base/text.h"

namespace weft::api {

using base::Code;

namespace {

uint32_t or_usual(uint32_t named, uint32_t usual) { return named != 0 ? named : usual; }

Result<net::Address> take_ip(Draft& draft, const model::Subnet& subnet, const v1::TniSpec& spec,
                             const model::Tni* there) {
  if (choice_of(spec.ip()) == Choice::Named) return net::Address::parse(spec.ip()).in_field("ip");
  return there != nullptr ? Result<net::Address>(there->ip) : take_address(draft, subnet);
}

Result<std::optional<net::Address>> take_ip6(Draft& draft, const model::Subnet& subnet, const v1::TniSpec& spec,
                                             const model::Tni* there, const net::Address& ip) {
  switch (choice_of(spec.ip6())) {
    case Choice::None: return std::optional<net::Address>();
    case Choice::Named: return std::optional(TRY(net::Address::parse(spec.ip6()).in_field("ip6")));
    case Choice::Auto: break;
  }
  if (there != nullptr && there->ip6) return there->ip6;
  // An address outside the subnet is refused further on, by the model.
  if (!subnet.cidr.contains(ip)) return std::optional<net::Address>();
  return take_address6(draft, subnet, ip);
}

}  // namespace

model::FlowTimeouts merge(const v1::FlowTimeouts& named, const model::FlowTimeouts& usual) {
  return {.tcp_opening = or_usual(named.tcp_opening(), usual.tcp_opening),
          .tcp_established = or_usual(named.tcp_established(), usual.tcp_established),
          .tcp_closing = or_usual(named.tcp_closing(), usual.tcp_closing),
          .udp_one_way = or_usual(named.udp_one_way(), usual.udp_one_way),
          .udp_both_ways = or_usual(named.udp_both_ways(), usual.udp_both_ways),
          .other = or_usual(named.other(), usual.other)};
}

Result<model::SubnetId> resolve_subnet_or_default(const Draft& draft, std::string_view text) {
  if (!text.empty()) return resolve_subnet(draft, text);
  const auto vpc = TRY(resolve_vpc_or_default(draft, ""));
  return resolve_subnet(draft, kDefaultName, {.vpc = vpc});
}

Result<model::TniId> settle_tni(Draft& draft, const std::string& name, const v1::TniSpec& spec, IfThere policy) {
  const model::Subnet subnet = draft.get(TRY(resolve_subnet_or_default(draft, spec.subnet()).in_field("subnet")));
  const model::Tni* found = find_named<model::Tni>(draft, subnet.vpc.text, name);
  const auto there = found != nullptr ? std::optional(*found) : std::nullopt;
  const model::Tni* kept = there && there->subnet == subnet.id ? &*there : nullptr;
  model::Tni tni = there.value_or(model::Tni{});
  if (!there) {
    tni.id = draft.make_id<model::Tni>();
    tni.name = name;
    tni.vpc = subnet.vpc;
    tni.mac = mac_of(tni.id);
  }
  tni.subnet = subnet.id;
  tni.groups = TRY(take_groups(draft, spec.groups(), draft.get(subnet.vpc)));
  tni.ip = TRY(take_ip(draft, subnet, spec, kept));
  tni.ip6 = TRY(take_ip6(draft, subnet, spec, kept, tni.ip));
  tni.secondary.clear();
  for (int i = 0; i < spec.secondary_size(); ++i) {
    tni.secondary.push_back(TRY(net::Address::parse(spec.secondary(i)).in_field(fmt::format("secondary[{}]", i))));
  }
  tni.source_check = static_cast<model::SourceCheck>(spec.source_check());
  tni.timeouts = merge(spec.timeouts(), {});
  if (there && policy == IfThere::Same) TRY_VOID(expect_same(*there, tni));
  draft.put(tni);
  return tni.id;
}

void attach(Draft& draft, model::Tni tni, const model::Workload& workload, uint32_t device) {
  if (tni.workload == workload.id && tni.device == device && tni.machine == workload.machine) return;
  tni.workload = workload.id;
  tni.machine = workload.machine;
  tni.device = device;
  ++tni.epoch;
  draft.put(std::move(tni));
}

void detach(Draft& draft, model::Tni tni) {
  tni.workload = {};
  tni.machine = {};
  tni.device = 0;
  tni.lifetime = model::Lifetime::Own;  // nothing is left that it could go with
  draft.put(std::move(tni));
}

void remove_tni(Draft& draft, const model::Tni& tni) {
  release_address(draft, draft.get(tni.subnet), tni.ip);
  draft.remove(tni.id);
}

}  // namespace weft::api
