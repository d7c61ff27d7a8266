// Routes, and the policy rules that choose their table.
#pragma once

#include <optional>
#include <vector>

#include "net/address.h"
#include "os/netlink.h"

namespace weft::os {

constexpr uint32_t kMainTable = 254;
// Who made it, as `ip route` shows it ("proto static"); an owner takes a number of its own.
constexpr uint8_t kStaticProtocol = 4;

struct Route {
  enum class Kind { Unicast, Blackhole };

  net::Prefix to;
  Kind kind = Kind::Unicast;
  int link = 0;  // a blackhole has none
  std::optional<net::Address> via = {};
  bool onlink = false;  // `via` is a neighbour on the link whatever its prefix says
  std::optional<net::Address> source = {};
  uint32_t table = kMainTable;
  uint32_t metric = 0;  // IPv6: the kernel stores 0 as 1024
  unsigned mtu = 0;     // 0: the link's
  uint8_t protocol = kStaticProtocol;
  auto operator<=>(const Route&) const = default;
};

// Replace changes the route to the same prefix with the same metric in the same table.
Request put_route(const Route& route, Create create);
Request remove_route(const Route& route);
// One table, both families, those of other makers included; sorted by prefix.
// Left out: kinds other than the two, and routes with several next hops.
Result<std::vector<Route>> read_routes(Netlink& netlink, uint32_t table);
// Those that lead out by one link.
Result<std::vector<Route>> read_routes(Netlink& netlink, uint32_t table, int link);

// Where the kernel would send a packet, by all of its rules and tables.
struct Way {
  int link = 0;
  std::optional<net::Address> source = {};
  auto operator<=>(const Way&) const = default;
};
// Nothing if no route leads there.
Result<std::optional<Way>> find_way(Netlink& netlink, const net::Address& to);

// Packets from `from` are routed by `table`.
struct Rule {
  uint32_t priority = 0;  // the lowest is asked first
  net::Prefix from;
  uint32_t table = kMainTable;
  uint8_t protocol = kStaticProtocol;
  auto operator<=>(const Rule&) const = default;
};

Request put_rule(const Rule& rule, Create create);
Request remove_rule(const Rule& rule);
// Both families. Left out: rules that look at anything but the source.
Result<std::vector<Rule>> read_rules(Netlink& netlink);

}  // namespace weft::os
