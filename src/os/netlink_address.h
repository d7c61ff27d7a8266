// Addresses of links, and the neighbours behind them.
#pragma once

#include <vector>

#include "net/address.h"
#include "os/netlink.h"

namespace weft::os {

struct LinkAddress {
  int link = 0;
  net::Address address;
  unsigned length = 0;        // of its subnet's prefix: 0..32 or 0..128
  bool prefix_route = false;  // the kernel adds the route to that prefix by itself
  auto operator<=>(const LinkAddress&) const = default;
};

// IPv6: usable at once, without duplicate address detection.
Request put_address(const LinkAddress& address, Create create);
Request remove_address(const LinkAddress& address);
// Both families, all links, link-local ones included.
Result<std::vector<LinkAddress>> read_addresses(Netlink& netlink);
// Those of one link.
Result<std::vector<LinkAddress>> read_addresses(Netlink& netlink, int link);

// A permanent entry; those that the kernel learns are its own business.
struct Neighbour {
  int link = 0;
  net::Address address;
  net::Mac mac;
  auto operator<=>(const Neighbour&) const = default;
};

Request put_neighbour(const Neighbour& neighbour, Create create);
Request remove_neighbour(const Neighbour& neighbour);
Result<std::vector<Neighbour>> read_neighbours(Netlink& netlink);

}  // namespace weft::os
