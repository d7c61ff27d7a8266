// What stands at the border of a subnet: the route that says where a packet goes which
// leaves it, and the ACLs that let it out and in.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/state.h"

namespace weft::model {

// What a VPC has from the start: a main table without routes of its own, and an ACL that
// lets everything pass. Sets them in `vpc`, with ids of these numbers.
std::vector<Object> begin_border(Vpc& vpc, const std::function<uint64_t()>& number);

struct NextHop {
  enum class Kind {
    Local,       // whoever has the address
    Internet,    // out by the internet gateway
    EgressOnly,  // out by the egress-only gateway
    Appliance,   // to a TNI that doesn't have the address
    Blackhole,   // the route leads nowhere, or its target is gone
    None,        // there is no route
  };
  Kind kind = Kind::None;
  TniId appliance = {};
  RouteId route = {};  // empty: a local one, or none
  bool operator==(const NextHop&) const = default;
};

// Of a packet that a TNI of the subnet sends: by the longest prefix around the target; at
// equal length local before all, a prefix before a prefix list, the lower route's id
// first. What is for a TNI beside the sender doesn't ask the table.
NextHop next_hop(const State& state, const Subnet& subnet, const net::Address& target);
// Of a packet that the internet gateway brings: by its own table, if it has one.
NextHop next_hop(const State& state, const Vpc& vpc, const net::Address& target);

// Whether a route of its table leads to the internet gateway.
bool is_public(const State& state, const Subnet& subnet);
// Whether a prefix of a list that is a destination counts in this VPC: inside of its
// ranges, and among the services, routes of a list change nothing.
bool counts_in_list(const Vpc& vpc, const net::Prefix& prefix);
// "pl:office" or the prefix.
std::string text_of(const State& state, const Destination& destination);
// Whether what the route leads to is there, and takes this family.
bool leads_somewhere(const State& state, const Vpc& vpc, const RouteTarget& target, net::Family family);
// Of the prefix; of a list, which may have both, IPv6.
net::Family family_of(const Destination& destination);

// One packet between two ends, each a TNI or what is beyond the gateway (null).
struct Crossing {
  const Tni* from = nullptr;
  const Tni* to = nullptr;
  net::Address source;
  net::Address target;
  uint8_t protocol = 0;
  uint16_t selector = 0;  // target port, or ICMP type << 8 | code: the packet's own
};

struct Refusal {
  AclId acl;
  Direction direction;  // in: of the target's subnet; out: of the sender's
  AclRuleId rule;       // empty: none allows it
  bool operator==(const Refusal&) const = default;
};

// The rule of the ACL that decides; null: none matches, which denies.
const AclRule* deciding_rule(const State& state, const AclId& acl, Direction direction, const net::Address& peer,
                             uint8_t protocol, uint16_t selector);

// Which ACL refuses the packet: first that of the sender's subnet. Nothing: none does,
// or the packet stays in one subnet.
std::optional<Refusal> refused_at_border(const State& state, const Crossing& crossing);

}  // namespace weft::model
