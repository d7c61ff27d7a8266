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

NextHop hop_of(const State& state, const Opening& opening) {
  if (opening.sender.empty()) return next_hop(state, state.get(opening.vpc), opening.target);
  return next_hop(state, state.get(state.get(opening.sender).subnet), opening.target);
}

Exit exit_of(const State& state, const Opening& opening) {
  const Vpc& vpc = state.get(opening.vpc);
  if (opening.sender.empty()) return Exit::NoGateway;
  const NextHop::Kind kind = hop_of(state, opening).kind;
  if (kind != NextHop::Kind::Internet && kind != NextHop::Kind::EgressOnly) return Exit::NoRoute;
  if (!is_in_ranges(vpc, opening.source)) return Exit::ForeignSource;
  if (opening.target.is_link_local() || service_range(net::Family::V6).contains(opening.target)) {
    return Exit::NotOutside;
  }
  if (opening.target.is_v4()) return is_translated(opening) ? Exit::Open : Exit::Untranslated;
  // The machine's own addresses are behind the internet gateway, whatever the range.
  const bool to_machine = opening.outside == Outside::Machine && vpc.internet == Internet::Attached;
  const bool open = leads_out(vpc, net::Family::V6) || to_machine;
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

bool is_query(const Opening& opening) {
  return (opening.protocol == kUdp || opening.protocol == kTcp) && opening.selector == 53;
}

// What comes from outside must have a way back there: the target is in a public subnet.
bool leads_back(const State& state, const Opening& opening, const Tni& target) {
  const NextHop back = next_hop(state, state.get(target.subnet), opening.source);
  return back.kind == NextHop::Kind::Internet || back.kind == NextHop::Kind::Local;
}

struct Aim {
  Reason reason = Reason::None;   // Resolver, or why it goes nowhere
  const Tni* receiver = nullptr;  // null: the gateway, or nobody
};

Aim aim_of(const State& state, const Opening& opening) {
  const bool resolver = is_resolver(state, opening.vpc, opening.target);
  if (resolver && is_query(opening) && !opening.sender.empty()) return {.reason = Reason::Resolver};
  const NextHop hop = hop_of(state, opening);
  const Tni* holder = end_at(state, opening.vpc, opening.target);
  Aim aim;
  switch (hop.kind) {
    case NextHop::Kind::Blackhole: return {.reason = Reason::Blackhole};
    case NextHop::Kind::Local: aim.receiver = holder; break;
    case NextHop::Kind::Appliance: aim.receiver = &state.get(hop.appliance); break;
    case NextHop::Kind::Internet:
    case NextHop::Kind::EgressOnly:
    case NextHop::Kind::None:
      if (resolver) return {.reason = Reason::NoEndpoint};
      return {.reason = exit_of(state, opening) == Exit::Open ? Reason::None : Reason::NoRoute};
  }
  // An appliance that doesn't take what isn't its own is no way.
  const bool own = aim.receiver == nullptr || aim.receiver == holder;
  if (!own && aim.receiver->source_check == SourceCheck::On) aim.reason = Reason::SourceCheck;
  if (aim.receiver == nullptr) aim.reason = Reason::NoEndpoint;
  if (aim.reason == Reason::None && opening.sender.empty() && !leads_back(state, opening, *aim.receiver)) {
    aim.reason = Reason::NoRoute;
  }
  return aim;
}

// The receiver, if the target isn't its own address.
TniId stand_in_of(const State& state, const Opening& opening, const Aim& aim) {
  const Tni* holder = state.holder_of(opening.vpc, opening.target);
  return aim.receiver != nullptr && aim.receiver != holder ? aim.receiver->id : TniId();
}

// The TNI, if the address is its own.
const Tni* itself(const State& state, const Tni* tni, const VpcId& vpc, const net::Address& address) {
  return tni != nullptr && state.holder_of(vpc, address) == tni ? tni : nullptr;
}

}  // namespace

TniId stands_in_for_target(const State& state, const Opening& opening) {
  return stand_in_of(state, opening, aim_of(state, opening));
}

TniId stands_in_for_source(const State& state, const Opening& opening) {
  const Tni* holder = state.holder_of(opening.vpc, opening.source);
  return holder != nullptr && holder->id == opening.sender ? TniId() : opening.sender;
}

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
  const Aim aim = aim_of(state, opening);
  const Tni* receiver = aim.receiver;
  if (receiver != nullptr) verdict.target = receiver->id;
  verdict.stand_in = stand_in_of(state, opening, aim);
  if (aim.reason == Reason::Resolver) return end(aim.reason);

  if (sender != nullptr) {
    const Tni* peer = itself(state, receiver, opening.vpc, opening.target);
    verdict.egress_rule = rule_of(*sender, Direction::Out, opening.target, peer, opening.protocol, opening.selector);
    if (verdict.egress_rule.empty() && !opening.egress_kept) {
      verdict.denier = sender->id;
      return end(Reason::EgressDenied);
    }
  }
  if (aim.reason != Reason::None) return end(aim.reason);
  if (receiver != nullptr) {
    const Tni* peer = itself(state, sender, opening.vpc, opening.source);
    verdict.ingress_rule = rule_of(*receiver, Direction::In, opening.source, peer, opening.protocol, opening.selector);
    if (verdict.ingress_rule.empty() && !opening.ingress_kept) {
      verdict.denier = receiver->id;
      return end(Reason::IngressDenied);
    }
  }
  verdict.rule = verdict.ingress_rule.empty() ? verdict.egress_rule : verdict.ingress_rule;
  verdict.reason = Reason::RuleMatch;
  return verdict;
}

Verdict judge_border(const State& state, const Crossing& crossing, Verdict verdict) {
  const bool reached = verdict.reason == Reason::IngressDenied || verdict.reason == Reason::Related ||
                       verdict.reason == Reason::RuleMatch || verdict.reason == Reason::Established;
  const auto refusal = reached ? refused_at_border(state, crossing) : std::nullopt;
  if (!refusal) return verdict;
  verdict.reason = Reason::AclDenied;
  verdict.acl_rule = refusal->rule;
  verdict.rule = {};
  verdict.denier = {};
  return verdict;
}

Verdict judge(const State& state, base::WallTime now, const Opening& opening) {
  const Verdict verdict =
      judge(state, opening,
            [&](const Tni& tni, Direction direction, const net::Address& peer_address, const Tni* peer,
                uint8_t protocol, uint16_t selector) {
              return first_rule(state, now, tni, direction, Mode::Enforce, peer_address, peer, protocol, selector);
            });
  return judge_border(state,
                      {.from = opening.sender.empty() ? nullptr : &state.get(opening.sender),
                       .to = verdict.target.empty() ? nullptr : &state.get(verdict.target),
                       .source = opening.source,
                       .target = opening.target,
                       .protocol = opening.protocol,
                       .selector = opening.selector},
                      verdict);
}

}  // namespace weft::model
