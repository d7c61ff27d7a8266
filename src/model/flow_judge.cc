#include "model/flow_judge.h"

#include <algorithm>

namespace weft::model {

namespace {

constexpr base::Duration kCutFlowStays = std::chrono::seconds(60);  // and tells its ends

struct Placed {
  FlowKey key;
  size_t from;  // the end that is the source
};

Placed place(const VpcId& vpc, uint8_t protocol, IcmpKind icmp, const Socket& source, const Socket& target) {
  const bool reversed = target < source;
  Placed placed{.key = {.vpc = vpc,
                        .ends = reversed ? std::array{target, source} : std::array{source, target},
                        .protocol = protocol,
                        .other_icmp = icmp == IcmpKind::Other},
                .from = reversed ? size_t{1} : size_t{0}};
  if (icmp == IcmpKind::Request) placed.key.asker = placed.from;
  if (icmp == IcmpKind::Reply) placed.key.asker = 1 - placed.from;
  return placed;
}

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

Verdict FlowJudge::step(const State& state, base::WallTime now, const Packet& packet) {
  const Reason addresses = check_addresses(packet.source.address, packet.target.address);
  if (addresses != Reason::None) return {.reason = addresses};
  if (packet.inner) {
    if (auto related = relate(state, now, packet)) return *related;
  }
  const auto [key, from] = place(packet.vpc, packet.protocol, packet.icmp, packet.source, packet.target);
  auto found = flows_.find(key);
  TniId replaced;
  if (found != flows_.end() && is_over(state, now, key, found->second)) {
    replaced = found->second.owner;
    flows_.erase(found);
    found = flows_.end();
  }
  if (found == flows_.end()) return open(state, now, packet, key, from, replaced);

  const Flow& flow = found->second;
  if (flow.ends[from].tni != packet.sender) {
    return {.reason = packet.sender.empty() ? Reason::GatewaySource : Reason::SourceCheck};
  }
  if ((flow.state == FlowState::TcpClosing || flow.cut) && packet.tcp.syn && !packet.tcp.ack) {
    replaced = flow.owner;
    flows_.erase(found);
    return open(state, now, packet, key, from, replaced);
  }
  return go_on(state, now, packet, key, from);
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
  const auto [key, from] = place(packet.vpc, packet.inner->protocol, packet.inner->icmp, told, packet.inner->target);
  const auto found = flows_.find(key);
  if (found == flows_.end() || is_over(state, now, key, found->second)) return std::nullopt;
  const Flow& flow = found->second;
  if (flow.ends[1 - from].tni != packet.sender) return std::nullopt;
  if (check_source(state, packet.vpc, packet.sender, packet.source.address) != Reason::None) return std::nullopt;
  if (outcome_of(ask(state, now, key, flow).reason) == Outcome::Drop) return std::nullopt;
  return Verdict{.reason = Reason::Related, .target = flow.ends[from].tni};
}

Verdict FlowJudge::go_on(const State& state, base::WallTime now, const Packet& packet, const FlowKey& key,
                         size_t from) {
  Flow& flow = flows_.at(key);
  Verdict verdict = ask(state, now, key, flow);
  verdict.target = flow.ends[1 - from].tni;
  if (outcome_of(verdict.reason) == Outcome::Drop) {
    if (verdict.reason != Reason::EgressDenied && verdict.reason != Reason::IngressDenied) {
      flows_.erase(key);
      return verdict;
    }
    if (!flow.cut) flow.expires = now + kCutFlowStays;
    flow.cut = true;
    verdict.reason = Reason::Revoked;
    return verdict;
  }
  verdict.reason = Reason::Established;
  flow.cut = false;
  remember(state, verdict, flow);
  touch(state, now, packet, from, flow);
  return verdict;
}

Verdict FlowJudge::open(const State& state, base::WallTime now, const Packet& packet, const FlowKey& key, size_t from,
                        const TniId& replaced) {
  Flow flow{.opener = from, .state = first_state(packet.protocol), .selector = packet.selector};
  flow.ends[from].tni = packet.sender;
  Verdict verdict = ask(state, now, key, flow);
  // A reset and an unasked reply open nothing.
  const bool opens = !(packet.protocol == kTcp && packet.tcp.rst) && packet.icmp != IcmpKind::Reply;
  if (outcome_of(verdict.reason) == Outcome::Drop || !opens) return verdict;
  flow.owner = packet.sender.empty() ? verdict.target : packet.sender;
  if (flow.owner != replaced && !has_room(flow.owner)) {
    verdict.reason = Reason::FlowQuota;
    verdict.rule = {};
    return verdict;
  }
  flow.ends[from] = end_of(packet.sender, state);
  flow.ends[1 - from] = end_of(verdict.target, state);
  remember(state, verdict, flow);
  touch(state, now, packet, from, flow);
  flows_.emplace(key, flow);
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
