#include "model/flow_judge.h"

#include <algorithm>

namespace weft::model {

namespace {

constexpr base::Duration kCutFlowStays = std::chrono::seconds(60);  // and tells its ends

FlowEnd end_of(const TniId& id, const State& state) {
  if (id.empty()) return {};
  const Tni& tni = state.get(id);
  return {.tni = id, .epoch = tni.epoch, .addresses = tni.addresses()};
}

// Whether the end is still who it was. Flows don't follow a TNI that was
// attached anew or got other addresses, nor an address to another holder.
bool stands(const State& state, const VpcId& vpc, const FlowEnd& end, const net::Address& address) {
  const Tni* holder = state.holder_of(vpc, address);
  const bool is_held = holder != nullptr && !holder->workload.empty();
  if (end.tni.empty()) return state.find(vpc) != nullptr && !is_held;
  const Tni* tni = state.find(end.tni);
  return tni != nullptr && !tni->workload.empty() && tni->epoch == end.epoch && tni->addresses() == end.addresses;
}

bool is_over(const State& state, base::WallTime now, const FlowKey& key, const Flow& flow) {
  return flow.expires <= now || !stands(state, key.vpc, flow.ends[0], key.ends[0].address) ||
         !stands(state, key.vpc, flow.ends[1], key.ends[1].address);
}

base::Duration timeout_of(const State& state, const Flow& flow) {
  const FlowTimeouts& timeouts = state.get(flow.owner).timeouts;
  const uint32_t seconds[] = {timeouts.tcp_opening, timeouts.tcp_established, timeouts.tcp_closing,
                              timeouts.udp_one_way, timeouts.udp_both_ways,   timeouts.other};
  return std::chrono::seconds(seconds[static_cast<size_t>(flow.state)]);
}

FlowState first_state(uint8_t protocol) {
  if (protocol == kTcp) return FlowState::TcpOpening;
  return protocol == kUdp ? FlowState::UdpOneWay : FlowState::Other;
}

FlowState next_state(const Flow& flow, const Packet& packet, size_t from) {
  const bool both_sent = flow.ends[0].sent && flow.ends[1].sent;
  const bool both_finished = flow.ends[0].finished && flow.ends[1].finished;
  switch (flow.state) {
    case FlowState::TcpOpening:
      if (packet.tcp.rst || both_finished) return FlowState::TcpClosing;
      return both_sent && from == flow.opener ? FlowState::TcpEstablished : FlowState::TcpOpening;
    case FlowState::TcpEstablished:
      return packet.tcp.rst || both_finished ? FlowState::TcpClosing : FlowState::TcpEstablished;
    case FlowState::UdpOneWay: return both_sent ? FlowState::UdpBothWays : FlowState::UdpOneWay;
    case FlowState::TcpClosing:
    case FlowState::UdpBothWays:
    case FlowState::Other: break;
  }
  return flow.state;
}

void touch(const State& state, base::WallTime now, const Packet& packet, size_t from, Flow& flow) {
  flow.ends[from].sent = true;
  if (packet.protocol == kTcp && packet.tcp.fin) flow.ends[from].finished = true;
  flow.state = next_state(flow, packet, from);
  flow.expires = now + timeout_of(state, flow);
}

std::optional<base::WallTime> earlier(std::optional<base::WallTime> a, std::optional<base::WallTime> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// Whether the way of the one who opened the flow still leads to its other end.
bool leads_there(const FlowKey& key, const Flow& flow, const Verdict& asked) {
  const size_t other = 1 - flow.opener;
  return asked.target == flow.ends[other].tni && asked.stand_in == key.stand_ins[other];
}

Crossing crossing_of(const State& state, const Packet& packet, const Verdict& verdict) {
  return {.from = packet.sender.empty() ? nullptr : &state.get(packet.sender),
          .to = verdict.target.empty() ? nullptr : &state.get(verdict.target),
          .source = packet.source.address,
          .target = packet.target.address,
          .protocol = packet.protocol,
          .selector = packet.selector};
}

bool keeps(const State& state, const RuleId& rule) {
  return !rule.empty() && state.get(state.get(rule).group).on_revoke == OnRevoke::Keep;
}

}  // namespace

RuleOf FlowJudge::model_rules(const State& state, base::WallTime now) {
  return [&state, now](const Tni& tni, Direction direction, const net::Address& peer_address, const Tni* peer,
                       uint8_t protocol, uint16_t selector) {
    return first_rule(state, now, tni, direction, Mode::Enforce, peer_address, peer, protocol, selector);
  };
}

FlowJudge::Place FlowJudge::place(const VpcId& vpc, uint8_t protocol, IcmpKind icmp, const Socket& source,
                                  const Socket& target) {
  const bool reversed = target < source;
  Place placed{.key = {.vpc = vpc,
                       .ends = reversed ? std::array{target, source} : std::array{source, target},
                       .protocol = protocol,
                       .other_icmp = icmp == IcmpKind::Other},
               .from = reversed ? size_t{1} : size_t{0}};
  if (icmp == IcmpKind::Request) placed.key.asker = placed.from;
  if (icmp == IcmpKind::Reply) placed.key.asker = 1 - placed.from;
  return placed;
}

FlowJudge::Place FlowJudge::place_between(const State& state, const Packet& packet, Place direct) const {
  const Opening opening = opening_of(packet);
  direct.key.stand_ins[direct.from] = stands_in_for_source(state, opening);
  direct.key.stand_ins[1 - direct.from] = stands_in_for_target(state, opening);
  return direct;
}

Opening FlowJudge::opening_of(const Packet& packet) const {
  return {.vpc = packet.vpc,
          .sender = packet.sender,
          .source = packet.source.address,
          .target = packet.target.address,
          .protocol = packet.protocol,
          .selector = packet.selector,
          .outside = options_.machine.contains(packet.target.address) ? Outside::Machine : Outside::Internet};
}

Flow* FlowJudge::find_live(const State& state, base::WallTime now, const FlowKey& key, TniId& replaced) {
  const auto found = flows_.find(key);
  if (found == flows_.end()) return nullptr;
  if (!is_over(state, now, key, found->second)) return &found->second;
  replaced = found->second.owner;
  flows_.erase(found);
  return nullptr;
}

Verdict FlowJudge::step(const State& state, base::WallTime now, const Packet& packet) {
  const Reason addresses = check_addresses(packet.source.address, packet.target.address);
  if (addresses != Reason::None) return {.reason = addresses};
  if (packet.inner) {
    if (auto related = relate(state, now, packet)) return *related;
  }
  const Place direct = place(packet.vpc, packet.protocol, packet.icmp, packet.source, packet.target);
  TniId replaced;
  const auto is_of_sender = [&](const Flow& flow) { return flow.ends[direct.from].tni == packet.sender; };
  const Verdict forged{.reason = packet.sender.empty() ? Reason::GatewaySource : Reason::SourceCheck};
  const Flow* flow = find_live(state, now, direct.key, replaced);
  if (flow != nullptr && is_of_sender(*flow)) {
    if (auto verdict = go_on(state, now, packet, direct, replaced)) return *verdict;
    flow = nullptr;
  }
  const Place at = place_between(state, packet, direct);
  if (at.key != direct.key) {
    replaced = {};
    flow = find_live(state, now, at.key, replaced);
    if (flow != nullptr && is_of_sender(*flow)) {
      if (auto verdict = go_on(state, now, packet, at, replaced)) return *verdict;
      flow = nullptr;
    }
  }
  if (flow != nullptr) return forged;
  return open(state, now, packet, at, replaced);
}

void FlowJudge::sweep(const State& state, base::WallTime now) {
  std::erase_if(flows_, [&](const auto& entry) { return is_over(state, now, entry.first, entry.second); });
}

// What the rules say today of the one who opened the flow.
Verdict FlowJudge::ask(const State& state, base::WallTime now, const FlowKey& key, const Flow& flow) const {
  const bool on_time = !flow.deadline || now < *flow.deadline;
  const net::Address& target = key.ends[1 - flow.opener].address;
  return judge(state,
               {.vpc = key.vpc,
                .sender = flow.ends[flow.opener].tni,
                .source = key.ends[flow.opener].address,
                .target = target,
                .protocol = key.protocol,
                .selector = flow.selector,
                .egress_kept = flow.egress_kept && on_time,
                .ingress_kept = flow.ingress_kept && on_time,
                .outside = options_.machine.contains(target) ? Outside::Machine : Outside::Internet},
               options_.rules(state, now));
}

// An ICMP error passes if it tells of a flow that may pass, and comes from that
// flow's other end, or from the outside if that is there.
std::optional<Verdict> FlowJudge::relate(const State& state, base::WallTime now, const Packet& packet) const {
  const Socket told{packet.target.address, packet.inner->source_port};
  Place at = place(packet.vpc, packet.inner->protocol, packet.inner->icmp, told, packet.inner->target);
  // What the rules say of the flow there, if it is one of the error's sender and may pass.
  const auto asked_of = [&](const FlowKey& key) -> std::optional<Verdict> {
    const auto found = flows_.find(key);
    if (found == flows_.end() || is_over(state, now, key, found->second)) return std::nullopt;
    if (found->second.ends[1 - at.from].tni != packet.sender) return std::nullopt;
    const Verdict asked = ask(state, now, key, found->second);
    const bool passes = outcome_of(asked.reason) == Outcome::Allow && leads_there(key, found->second, asked);
    return passes ? std::optional(asked) : std::nullopt;
  };
  auto asked = asked_of(at.key);
  if (!asked) {
    Opening opening = opening_of(packet);
    at.key.stand_ins[at.from] = stands_in_for_target(state, opening);
    opening.source = packet.inner->target.address;
    at.key.stand_ins[1 - at.from] = stands_in_for_source(state, opening);
    asked = asked_of(at.key);
    if (!asked) return std::nullopt;
  }
  if (check_source(state, packet.vpc, packet.sender, packet.source.address) != Reason::None) return std::nullopt;
  const Verdict related{.reason = Reason::Related, .target = flows_.at(at.key).ends[at.from].tni};
  return asked->reason == Reason::Resolver ? related
                                           : judge_border(state, crossing_of(state, packet, related), related);
}

std::optional<Verdict> FlowJudge::go_on(const State& state, base::WallTime now, const Packet& packet, const Place& at,
                                        TniId& replaced) {
  Flow& flow = flows_.at(at.key);
  const auto forget = [&] {
    replaced = flow.owner;
    flows_.erase(at.key);
  };
  if ((flow.state == FlowState::TcpClosing || flow.cut) && packet.tcp.syn && !packet.tcp.ack) {
    forget();
    return std::nullopt;
  }
  Verdict verdict = ask(state, now, at.key, flow);
  const bool leads = leads_there(at.key, flow, verdict);
  const bool denied = verdict.reason == Reason::EgressDenied || verdict.reason == Reason::IngressDenied;
  verdict.target = flow.ends[1 - at.from].tni;
  if (outcome_of(verdict.reason) == Outcome::Drop && !denied) {
    forget();
    return verdict;
  }
  if (!leads) {
    forget();
    return std::nullopt;
  }
  if (denied) {
    if (!flow.cut) flow.expires = now + kCutFlowStays;
    flow.cut = true;
    verdict.reason = Reason::Revoked;
    return verdict;
  }
  const bool exempt = verdict.reason == Reason::Resolver;
  verdict.reason = Reason::Established;
  flow.cut = false;
  remember(state, verdict, flow);
  if (!exempt) verdict = judge_border(state, crossing_of(state, packet, verdict), verdict);
  if (outcome_of(verdict.reason) == Outcome::Allow) touch(state, now, packet, at.from, flow);
  return verdict;
}

Verdict FlowJudge::open(const State& state, base::WallTime now, const Packet& packet, const Place& at,
                        const TniId& replaced) {
  Flow flow{.opener = at.from, .state = first_state(packet.protocol), .selector = packet.selector};
  flow.ends[at.from].tni = packet.sender;
  Verdict verdict = ask(state, now, at.key, flow);
  verdict = judge_border(state, crossing_of(state, packet, verdict), verdict);
  // A reset and an unasked reply open nothing.
  const bool opens = !(packet.protocol == kTcp && packet.tcp.rst) && packet.icmp != IcmpKind::Reply;
  if (outcome_of(verdict.reason) == Outcome::Drop || !opens) return verdict;
  flow.owner = packet.sender.empty() ? verdict.target : packet.sender;
  if (flow.owner != replaced && !has_room(flow.owner)) {
    verdict.reason = Reason::FlowQuota;
    verdict.rule = {};
    return verdict;
  }
  flow.ends[at.from] = end_of(packet.sender, state);
  flow.ends[1 - at.from] = end_of(verdict.target, state);
  remember(state, verdict, flow);
  touch(state, now, packet, at.from, flow);
  flows_.emplace(at.key, flow);
  return verdict;
}

// What of the verdict the flow carries on: until when, and whether it is kept.
void FlowJudge::remember(const State& state, const Verdict& verdict, Flow& flow) const {
  const auto until = [&](const RuleId& rule) { return rule.empty() ? std::nullopt : state.get(rule).until; };
  const bool by_being_kept =
      (flow.egress_kept && verdict.egress_rule.empty()) || (flow.ingress_kept && verdict.ingress_rule.empty());
  const auto deadline = earlier(until(verdict.egress_rule), until(verdict.ingress_rule));
  flow.deadline = by_being_kept ? earlier(flow.deadline, deadline) : deadline;
  if (!verdict.egress_rule.empty()) flow.egress_kept = keeps(state, verdict.egress_rule);
  if (!verdict.ingress_rule.empty()) flow.ingress_kept = keeps(state, verdict.ingress_rule);
}

// No TNI may have more than a quarter of what all others left free.
bool FlowJudge::has_room(const TniId& owner) const {
  const auto own = static_cast<size_t>(
      std::count_if(flows_.begin(), flows_.end(), [&](const auto& entry) { return entry.second.owner == owner; }));
  return flows_.size() < options_.most_flows && own < (options_.most_flows - flows_.size()) / 4;
}

}  // namespace weft::model
