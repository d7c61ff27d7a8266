// Security groups: stateful, allow-only. What a TNI may receive is the union of
// the ingress rules of all its groups, what it may send that of the egress rules;
// answers to what was allowed pass whatever the other direction says.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "net/address.h"

namespace weft::model {

// What happens to open flows that the rules no longer allow.
enum class OnRevoke {
  Cut,   // not one more byte; both ends are told
  Keep,  // they live on, as in AWS
};

struct Group {
  GroupId id;
  std::string name;  // unique in the VPC
  VpcId vpc;
  OnRevoke on_revoke = OnRevoke::Cut;
  std::string description;
  bool operator==(const Group&) const = default;
};

struct PrefixList {
  PrefixListId id;
  std::string name;
  std::vector<net::Prefix> prefixes;
  bool operator==(const PrefixList&) const = default;
};

enum class Direction { In, Out };

// IANA protocol numbers that the rules name.
inline constexpr uint8_t kIcmp = 1;
inline constexpr uint8_t kTcp = 6;
inline constexpr uint8_t kUdp = 17;
inline constexpr uint8_t kIcmp6 = 58;
constexpr bool is_icmp(uint8_t protocol) { return protocol == kIcmp || protocol == kIcmp6; }
constexpr bool has_ports(uint8_t protocol) { return protocol == kTcp || protocol == kUdp; }

// The traffic of a rule. No protocol: all traffic. `first`..`last` are ports for
// TCP and UDP; for ICMP they are (type << 8 | code), so that one type with any
// code is a range as well; other protocols have 0..65535.
struct Traffic {
  std::optional<uint8_t> protocol;
  uint16_t first = 0;
  uint16_t last = 65535;

  // "tcp:80", "udp:8000-8100", "icmp:8", "icmpv6:128/0", "47", "all".
  static Result<Traffic> parse(std::string_view text);
  std::string text() const;
  bool matches(uint8_t of_protocol, uint16_t selector) const {
    return !protocol || (*protocol == of_protocol && first <= selector && selector <= last);
  }
  bool operator==(const Traffic&) const = default;
};

using Peer = std::variant<net::Prefix, GroupId, PrefixListId>;

enum class Mode {
  Enforce,
  Audit,  // allows nothing; counts and logs what it would have allowed
};

struct Rule {
  RuleId id;  // of several that match, the lowest is the one counted and named
  GroupId group;
  Direction direction = Direction::In;
  Traffic traffic;
  Peer peer;
  std::optional<base::WallTime> until;  // allows nothing from then on
  Mode mode = Mode::Enforce;
  std::string description;

  bool live_at(base::WallTime now) const { return !until || now < *until; }
  bool operator==(const Rule&) const = default;
};

template <class F>
void fields(F&& f, Group& g) {
  f("id", g.id);
  f("name", g.name);
  f("vpc", g.vpc);
  f("on_revoke", g.on_revoke);
  f("description", g.description);
}
template <class F>
void fields(F&& f, PrefixList& p) {
  f("id", p.id);
  f("name", p.name);
  f("prefixes", p.prefixes);
}
template <class F>
void fields(F&& f, Rule& r) {
  f("id", r.id);
  f("group", r.group);
  f("direction", r.direction);
  f("traffic", r.traffic);
  f("peer", r.peer);
  f("until", r.until);
  f("mode", r.mode);
  f("description", r.description);
}

}  // namespace weft::model
