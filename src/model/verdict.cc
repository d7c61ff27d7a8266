#include "model/verdict.h"

#include <algorithm>
#include <array>

namespace weft::model {

namespace {

struct ReasonRow {
  std::string_view text;
  Outcome outcome;
};
constexpr std::array kReasons = {
#define X(name, text, verdict) ReasonRow{text, Outcome::verdict},
#include "model/reason.inc"
#undef X
};

// Nobody is where a TNI is attached to nothing.
const Tni* end_at(const State& state, const VpcId& vpc, const net::Address& address) {
  const Tni* holder = state.holder_of(vpc, address);
  return holder != nullptr && !holder->workload.empty() ? holder : nullptr;
}

bool is_nobody(const net::Address& address) { return address.is_loopback() || address.is_unspecified(); }

// What the gateway can give the machine's address and an id of its own: ports, and of
// ICMP what is a request (echo, timestamp, information, address mask).
bool is_translated(const Opening& opening) {
  if (has_ports(opening.protocol)) return true;
  const int type = opening.selector >> 8;
  return opening.protocol == kIcmp && (type == 8 || type == 13 || type == 15 || type == 17);
}

bool is_router(const State& state, const VpcId& vpc, const net::Address& address) {
  const Subnet* subnet = state.subnet_of(vpc, address);
  if (subnet == nullptr) return false;
  return address == router_of(subnet->cidr) || (subnet->cidr6 && address == router_of(*subnet->cidr6));
}

bool is_resolver(const State& state, const VpcId& vpc, const net::Address& address) {
  if (address == link_local_resolver(address.family())) return true;
  const Subnet* subnet = state.subnet_of(vpc, address);
  if (subnet == nullptr) return false;
  return address == resolver_of(subnet->cidr) || (subnet->cidr6 && address == resolver_of(*subnet->cidr6));
}

}  // namespace

bool peer_matches(const State& state, const Rule& rule, const net::Address& address, const Tni* peer) {
  if (const auto* prefix = std::get_if<net::Prefix>(&rule.peer)) return prefix->contains(address);
  if (const auto* group = std::get_if<GroupId>(&rule.peer)) {
    return peer != nullptr && std::count(peer->groups.begin(), peer->groups.end(), *group) > 0;
  }
  const auto& prefixes = state.get(std::get<PrefixListId>(rule.peer)).prefixes;
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const auto& prefix) { return prefix.contains(address); });
}

std::string_view text_of(Reason reason) { return kReasons.at(static_cast<size_t>(reason)).text; }
Outcome outcome_of(Reason reason) { return kReasons.at(static_cast<size_t>(reason)).outcome; }

RuleId first_rule(const State& state, base::WallTime now, const Tni& tni, Direction direction, Mode mode,
                  const net::Address& peer_address, const Tni* peer, uint8_t protocol, uint16_t selector) {
  RuleId lowest;
  for (const GroupId& group : tni.groups) {
    for (const RuleId& id : state.rules_of(group)) {
      const Rule& rule = state.get(id);
      if (rule.direction != direction || rule.mode != mode || !rule.live_at(now)) continue;
      if (!rule.traffic.matches(protocol, selector) || !peer_matches(state, rule, peer_address, peer)) continue;
      if (lowest.empty() || id < lowest) lowest = id;
    }
  }
  return lowest;
}

Reason check_addresses(const net::Address& source, const net::Address& target) {
  // 0.0.0.0/8, and from 224.0.0.0 on: RFC 1122 3.2.1.3.
  const auto first = [](const net::Address& address) { return address.v4_host_order() >> 24; };
  const auto is_this_host = [&](const net::Address& address) { return address.is_v4() && first(address) == 0; };
  const auto is_many = [&](const net::Address& address) {
    return address.is_v4() ? first(address) >= 224 : address.is_multicast();
  };
  if (is_many(target)) return Reason::Multicast;
  if (is_many(source) || is_this_host(source) || is_nobody(source)) return Reason::SourceCheck;
  return is_this_host(target) || is_nobody(target) ? Reason::NoRoute : Reason::None;
}

Exit exit_of(const State& state, const Opening& opening) {
  static const net::Prefix kServices6 = *net::Prefix::parse("fd00:ec2::/32");
  const Vpc& vpc = state.get(opening.vpc);
  if (opening.sender.empty() || vpc.internet == Internet::None) return Exit::NoGateway;
  if (!is_in_ranges(vpc, opening.source)) return Exit::ForeignSource;
  if (opening.target.is_link_local() || kServices6.contains(opening.target)) return Exit::NotOutside;
  if (opening.target.is_v4()) return is_translated(opening) ? Exit::Open : Exit::Untranslated;
  const bool open = leads_out(vpc, net::Family::V6) || opening.outside == Outside::Machine;
  return open ? Exit::Open : Exit::PrivateRange;
}

Reason check_source(const State& state, const VpcId& vpc, const TniId& sender, const net::Address& source) {
  const Tni* holder = state.holder_of(vpc, source);
  if (!sender.empty()) {
    const bool own = holder != nullptr && holder->id == sender;
    return own || state.get(sender).source_check == SourceCheck::Off ? Reason::None : Reason::SourceCheck;
  }
  // The gateway speaks for the outside, the router and the resolver, not for others.
  const bool service = is_router(state, vpc, source) || is_resolver(state, vpc, source);
  const bool others = holder != nullptr || (is_in_ranges(state.get(vpc), source) && !service);
  return others ? Reason::GatewaySource : Reason::None;
}

namespace {

// Where it goes: None for the TNI in `target`, or for the gateway if there is none.
Reason check_target(const State& state, const Opening& opening, const Tni* target) {
  const Vpc& vpc = state.get(opening.vpc);
  if (target != nullptr) return Reason::None;
  const bool resolver = is_resolver(state, opening.vpc, opening.target);
  const bool query = (opening.protocol == kUdp || opening.protocol == kTcp) && opening.selector == 53;
  if (resolver && query && !opening.sender.empty()) return Reason::Resolver;
  if (resolver || is_in_ranges(vpc, opening.target)) return Reason::NoEndpoint;
  return exit_of(state, opening) == Exit::Open ? Reason::None : Reason::NoRoute;
}

}  // namespace

Verdict judge(const State& state, const Opening& opening, const RuleOf& rule_of) {
  Verdict verdict;
  const auto end = [&](Reason reason) {
    verdict.reason = reason;
    return verdict;
  };
  const Reason addresses = check_addresses(opening.source, opening.target);
  if (addresses != Reason::None) return end(addresses);
  const Tni* sender = opening.sender.empty() ? nullptr : &state.get(opening.sender);
  const Reason source = check_source(state, opening.vpc, opening.sender, opening.source);
  if (source != Reason::None) return end(source);
  const Tni* target = end_at(state, opening.vpc, opening.target);
  if (target != nullptr) verdict.target = target->id;
  const Reason way = check_target(state, opening, target);
  if (way == Reason::Resolver) return end(way);

  if (sender != nullptr) {
    verdict.egress_rule = rule_of(*sender, Direction::Out, opening.target, target, opening.protocol, opening.selector);
    if (verdict.egress_rule.empty() && !opening.egress_kept) {
      verdict.denier = sender->id;
      return end(Reason::EgressDenied);
    }
  }
  if (way != Reason::None) return end(way);
  if (target != nullptr) {
    verdict.ingress_rule = rule_of(*target, Direction::In, opening.source, sender, opening.protocol, opening.selector);
    if (verdict.ingress_rule.empty() && !opening.ingress_kept) {
      verdict.denier = target->id;
      return end(Reason::IngressDenied);
    }
  }
  verdict.rule = verdict.ingress_rule.empty() ? verdict.egress_rule : verdict.ingress_rule;
  verdict.reason = Reason::RuleMatch;
  return verdict;
}

Verdict judge(const State& state, base::WallTime now, const Opening& opening) {
  return judge(state, opening,
               [&](const Tni& tni, Direction direction, const net::Address& peer_address, const Tni* peer,
                   uint8_t protocol, uint16_t selector) {
                 return first_rule(state, now, tni, direction, Mode::Enforce, peer_address, peer, protocol, selector);
               });
}

}  // namespace weft::model
