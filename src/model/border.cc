#include "model/border.h"

#include <algorithm>

namespace weft::model {

namespace {

constexpr uint16_t kFirstAclNumber = 100;  // of the rules that allow everything

// How long the route's prefix around the target is; nothing: there is none that counts.
// A list's prefixes in the VPC's ranges don't, nor those of the services.
std::optional<unsigned> length_around(const State& state, const Vpc& vpc, const Route& route,
                                      const net::Address& target) {
  if (const auto* prefix = std::get_if<net::Prefix>(&route.destination)) {
    return prefix->contains(target) ? std::optional(prefix->length()) : std::nullopt;
  }
  std::optional<unsigned> longest;
  for (const net::Prefix& prefix : state.get(std::get<PrefixListId>(route.destination)).prefixes) {
    if (!prefix.contains(target) || !counts_in_list(vpc, prefix)) continue;
    longest = std::max(longest.value_or(0), prefix.length());
  }
  return longest;
}

NextHop by_table(const State& state, const Vpc& vpc, const RouteTableId& table, const net::Address& target) {
  std::optional<unsigned> local;
  for (const net::Prefix& range : ranges_of(vpc)) {
    if (range.contains(target)) local = range.length();
  }
  const Route* best = nullptr;
  std::optional<unsigned> best_length;
  const auto is_better = [&](const Route& route, unsigned length) {
    if (best == nullptr || length != *best_length) return best == nullptr || length > *best_length;
    return std::holds_alternative<net::Prefix>(route.destination) &&
           !std::holds_alternative<net::Prefix>(best->destination);
  };
  for (const RouteId& id : state.routes_of(table)) {
    const Route& route = state.get(id);
    const auto length = length_around(state, vpc, route, target);
    if (!length || !is_better(route, *length)) continue;
    best = &route;
    best_length = length;
  }
  if (local && (best == nullptr || *best_length <= *local)) return {.kind = NextHop::Kind::Local};
  if (best == nullptr) return {};
  if (!leads_somewhere(state, vpc, best->target, target.family()))
    return {.kind = NextHop::Kind::Blackhole, .route = best->id};
  if (const auto* tni = std::get_if<TniId>(&best->target)) {
    return {.kind = NextHop::Kind::Appliance, .appliance = *tni, .route = best->id};
  }
  const bool egress_only = std::get<Way>(best->target) == Way::EgressOnly;
  return {.kind = egress_only ? NextHop::Kind::EgressOnly : NextHop::Kind::Internet, .route = best->id};
}

}  // namespace

std::vector<Object> begin_border(Vpc& vpc, const std::function<uint64_t()>& number) {
  vpc.main_table = RouteTableId::of(number());
  vpc.default_acl = AclId::of(number());
  std::vector<Object> objects = {RouteTable{.id = vpc.main_table, .name = "main", .vpc = vpc.id},
                                 Acl{.id = vpc.default_acl, .name = "default", .vpc = vpc.id}};
  for (const Direction direction : {Direction::In, Direction::Out}) {
    uint16_t place = kFirstAclNumber;
    for (const net::Family family : {net::Family::V4, net::Family::V6}) {
      objects.emplace_back(AclRule{.id = AclRuleId::of(number()),
                                   .acl = vpc.default_acl,
                                   .direction = direction,
                                   .number = place++,
                                   .action = Action::Allow,
                                   .traffic = {},
                                   .prefix = net::Prefix::any(family)});
    }
  }
  return objects;
}

bool is_public(const State& state, const Subnet& subnet) {
  const auto& routes = state.routes_of(state.table_of(subnet).id);
  return state.get(subnet.vpc).internet == Internet::Attached &&
         std::any_of(routes.begin(), routes.end(),
                     [&](const RouteId& id) { return state.get(id).target == RouteTarget(Way::Internet); });
}

bool counts_in_list(const Vpc& vpc, const net::Prefix& prefix) {
  const auto holds = [&](const net::Prefix& range) { return range.contains(prefix); };
  const auto ranges = ranges_of(vpc);
  return std::none_of(ranges.begin(), ranges.end(), holds) && !holds(service_range(prefix.family()));
}

std::string text_of(const State& state, const Destination& destination) {
  if (const auto* prefix = std::get_if<net::Prefix>(&destination)) return prefix->text();
  const PrefixListId& id = std::get<PrefixListId>(destination);
  const PrefixList* list = state.find(id);
  return "pl:" + (list == nullptr ? id.text : list->name);
}

net::Family family_of(const Destination& destination) {
  const auto* prefix = std::get_if<net::Prefix>(&destination);
  return prefix == nullptr ? net::Family::V6 : prefix->family();
}

bool leads_somewhere(const State& state, const Vpc& vpc, const RouteTarget& target, net::Family family) {
  if (const auto* id = std::get_if<TniId>(&target)) {
    const Tni* tni = state.find(*id);
    return tni != nullptr && !tni->workload.empty();
  }
  switch (std::get<Way>(target)) {
    case Way::Internet: return vpc.internet == Internet::Attached;
    case Way::EgressOnly: return vpc.egress_only == Internet::Attached && family == net::Family::V6;
    case Way::Blackhole: break;
  }
  return false;
}

NextHop next_hop(const State& state, const Subnet& subnet, const net::Address& target) {
  const Tni* holder = state.holder_of(subnet.vpc, target);
  const bool is_beside = holder != nullptr && holder->subnet == subnet.id && !holder->workload.empty();
  if (is_beside) return {.kind = NextHop::Kind::Local};
  return by_table(state, state.get(subnet.vpc), state.table_of(subnet).id, target);
}

NextHop next_hop(const State& state, const Vpc& vpc, const net::Address& target) {
  if (!vpc.gateway_table.empty()) return by_table(state, vpc, vpc.gateway_table, target);
  return {.kind = is_in_ranges(vpc, target) ? NextHop::Kind::Local : NextHop::Kind::None};
}

const AclRule* deciding_rule(const State& state, const AclId& acl, Direction direction, const net::Address& peer,
                             uint8_t protocol, uint16_t selector) {
  for (const auto& [number, id] : state.rules_of(acl, direction)) {
    const AclRule& rule = state.get(id);
    if (rule.matches(peer, protocol, selector)) return &rule;
  }
  return nullptr;
}

std::optional<Refusal> refused_at_border(const State& state, const Crossing& crossing) {
  const auto subnet_of = [&](const Tni* tni) { return tni == nullptr ? nullptr : &state.get(tni->subnet); };
  const Subnet *from = subnet_of(crossing.from), *to = subnet_of(crossing.to);
  if (from == to) return std::nullopt;
  const auto ask = [&](const Subnet* subnet, Direction direction, const net::Address& peer) -> std::optional<Refusal> {
    if (subnet == nullptr) return std::nullopt;
    const AclId& acl = state.acl_of(*subnet).id;
    const AclRule* rule = deciding_rule(state, acl, direction, peer, crossing.protocol, crossing.selector);
    if (rule != nullptr && rule->action == Action::Allow) return std::nullopt;
    return Refusal{.acl = acl, .direction = direction, .rule = rule == nullptr ? AclRuleId() : rule->id};
  };
  if (auto refusal = ask(from, Direction::Out, crossing.target)) return refusal;
  return ask(to, Direction::In, crossing.source);
}

}  // namespace weft::model
