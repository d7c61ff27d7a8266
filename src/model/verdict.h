// What happens to a packet, straight from the nouns: no tables, no cleverness.
// The compiled tables and the BPF programs must say the same, always.
#pragma once

#include <functional>
#include <string_view>

#include "model/border.h"

namespace weft::model {

enum class Reason : uint8_t {
#define X(name, text, verdict) name,
#include "model/reason.inc"
#undef X
};
enum class Outcome { Allow, Drop };

std::string_view text_of(Reason reason);  // "ingress-denied"
Outcome outcome_of(Reason reason);

// Whose a target is that is none of the VPC's.
enum class Outside { Internet, Machine };

// The first packet of a flow, seen at the sender's TNI; no sender: it comes from
// outside, through the gateway of `vpc`.
struct Opening {
  VpcId vpc;
  TniId sender;
  net::Address source;
  net::Address target;
  uint8_t protocol = 0;
  uint16_t selector = 0;  // target port, or ICMP type << 8 | code
  // Ends whose rules need not allow it any more: a rule of a group that keeps
  // flows on revocation once did.
  bool egress_kept = false;
  bool ingress_kept = false;
  // The machine has addresses by which others know it: published ports are there.
  Outside outside = Outside::Internet;
};

struct Verdict {
  Reason reason = Reason::None;
  RuleId rule;          // that let it in, or out where nobody inside receives it
  TniId target;         // that it is handed to; empty: it leaves by the gateway
  TniId stand_in = {};  // the same, if the address that it is sent to isn't its own
  TniId denier;         // whose rules refused it
  RuleId egress_rule, ingress_rule;
  AclRuleId acl_rule;  // that refused it; empty as well where none matched
  bool operator==(const Verdict&) const = default;
};

// The lowest rule of the TNI that allows the opening from, or to, this peer: the TNI that
// has the address, if nothing stands between, else null.
using RuleOf = std::function<RuleId(const Tni& tni, Direction direction, const net::Address& peer_address,
                                    const Tni* peer, uint8_t protocol, uint16_t selector)>;

// What the source check, the groups and the routes say; ACLs judge packets, not flows.
Verdict judge(const State& state, const Opening& opening, const RuleOf& rule_of);
// With what the ACLs say of this packet.
Verdict judge(const State& state, base::WallTime now, const Opening& opening);

// The verdict on an opening, or on a packet of an open flow that it allows, with the
// ACLs' judgement of that one packet in its place among the others.
Verdict judge_border(const State& state, const Crossing& crossing, Verdict verdict);

// The TNI that stands in for the target, if it isn't the target's own; likewise for the
// source. Empty: nothing stands between.
TniId stands_in_for_target(const State& state, const Opening& opening);
TniId stands_in_for_source(const State& state, const Opening& opening);

// What no packet of one host to another has: Multicast, SourceCheck, or NoRoute of the
// target; else None. It comes before everything else, and concerns every packet.
Reason check_addresses(const net::Address& source, const net::Address& target);

// Where its route leads; of what comes by the gateway, where the gateway's does.
NextHop hop_of(const State& state, const Opening& opening);

// Why nothing leads from the VPC to a target that is none of its addresses.
enum class Exit { Open, NoGateway, NoRoute, ForeignSource, NotOutside, PrivateRange, Untranslated };
Exit exit_of(const State& state, const Opening& opening);

// Whether the sender may use the source address at all: None, SourceCheck or
// GatewaySource.
Reason check_source(const State& state, const VpcId& vpc, const TniId& sender, const net::Address& source);

// Whether the rule's peer is this one; `peer` as below.
bool peer_matches(const State& state, const Rule& rule, const net::Address& address, const Tni* peer);

// The lowest rule of these groups that allows the traffic now. `peer` is the
// TNI at the other end, null beyond the gateway.
RuleId first_rule(const State& state, base::WallTime now, const Tni& tni, Direction direction, Mode mode,
                  const net::Address& peer_address, const Tni* peer, uint8_t protocol, uint16_t selector);

}  // namespace weft::model
