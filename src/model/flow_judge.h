// What happens to each packet of a sequence, straight from the contract: the
// reference for flows as model::judge() is for their openings. A flow keeps no
// verdict: every packet asks the rules again about the one who opened it, so that
// there is nothing that could be remembered for too long.
//
// One clock serves for everything, also where the data path judges by boot time.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "model/verdict.h"

namespace weft::model {

enum class IcmpKind { None, Request, Reply, Other };

struct TcpFlags {
  bool syn = false;
  bool ack = false;
  bool fin = false;
  bool rst = false;
};

// One end's address and port. The port of an ICMP echo is its id, at both ends;
// that of other ICMP is its selector; that of protocols without ports is 0.
struct Socket {
  net::Address address;
  uint16_t port = 0;
  auto operator<=>(const Socket&) const = default;
};

// The packet inside an ICMP error; its sender is the error's target.
struct InnerPacket {
  uint8_t protocol = 0;
  IcmpKind icmp = IcmpKind::None;
  uint16_t source_port = 0;
  Socket target;
};

struct Packet {
  VpcId vpc;
  TniId sender;  // empty: from outside, through the gateway
  Socket source, target;
  uint8_t protocol = 0;
  IcmpKind icmp = IcmpKind::None;
  uint16_t selector = 0;  // target port, or ICMP type << 8 | code
  TcpFlags tcp;
  std::optional<InnerPacket> inner;  // of an ICMP error
};

// Both directions of a flow have the same key. Echoes that the one end asks for and
// those that the other asks for are different flows. Where an appliance stands between
// two ends, there are two flows, one at each side of it.
struct FlowKey {
  VpcId vpc;
  std::array<Socket, 2> ends;           // the lower one first
  std::array<TniId, 2> stand_ins = {};  // for them; empty: themselves
  uint8_t protocol = 0;
  bool other_icmp = false;
  std::optional<size_t> asker = {};  // of echoes
  auto operator<=>(const FlowKey&) const = default;
};

enum class FlowState { TcpOpening, TcpEstablished, TcpClosing, UdpOneWay, UdpBothWays, Other };

// Who stood at an end when the flow was opened: a TNI as it was attached then,
// with the addresses that it had, or whoever is beyond the gateway.
struct FlowEnd {
  TniId tni;
  uint64_t epoch = 0;
  std::vector<net::Address> addresses;
  bool sent = false;
  bool finished = false;  // sent a FIN
};

struct Flow {
  std::array<FlowEnd, 2> ends;  // as in the key
  size_t opener = 0;
  TniId owner;  // whose share of the table it uses
  FlowState state = FlowState::Other;
  base::WallTime expires;
  std::optional<base::WallTime> deadline;  // the earliest of the rules that let it in
  uint16_t selector = 0;                   // of the packet that opened it
  bool cut = false;                        // the rules don't allow it any more
  bool egress_kept = false;                // a rule of a group that keeps flows allowed it
  bool ingress_kept = false;
};

class FlowJudge {
 public:
  // The rules of a state at an instant.
  using Rules = std::function<RuleOf(const State&, base::WallTime)>;
  struct Options {
    size_t most_flows = 1 << 20;
    Rules rules = model_rules;
    std::set<net::Address> machine = {};  // by which others know it
  };
  static RuleOf model_rules(const State& state, base::WallTime now);

  explicit FlowJudge(Options options) : options_(std::move(options)) {}

  // The sender is a TNI that is attached.
  Verdict step(const State& state, base::WallTime now, const Packet& packet);
  // Forgets the flows that ended by themselves. They count until then.
  void sweep(const State& state, base::WallTime now);
  const std::map<FlowKey, Flow>& flows() const { return flows_; }

 private:
  struct Place {
    FlowKey key;
    size_t from;  // the end that is the source
  };
  static Place place(const VpcId& vpc, uint8_t protocol, IcmpKind icmp, const Socket& source, const Socket& target);
  // With who stands in for the ends, if anybody does.
  Place place_between(const State& state, const Packet& packet, Place direct) const;
  Opening opening_of(const Packet& packet) const;
  // The flow there, if it isn't over: then it is forgotten, and its owner is `replaced`.
  Flow* find_live(const State& state, base::WallTime now, const FlowKey& key, TniId& replaced);
  std::optional<Verdict> relate(const State& state, base::WallTime now, const Packet& packet) const;
  Verdict ask(const State& state, base::WallTime now, const FlowKey& key, const Flow& flow) const;
  // Nothing: it opens another, or its way leads elsewhere by now. The flow is forgotten.
  std::optional<Verdict> go_on(const State& state, base::WallTime now, const Packet& packet, const Place& at,
                               TniId& replaced);
  // `replaced` had a flow there until now: a new one in its place takes no more room.
  Verdict open(const State& state, base::WallTime now, const Packet& packet, const Place& at, const TniId& replaced);
  void remember(const State& state, const Verdict& verdict, Flow& flow) const;
  bool has_room(const TniId& owner) const;

  Options options_;
  std::map<FlowKey, Flow> flows_;
};

}  // namespace weft::model
