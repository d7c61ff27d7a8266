// The sockets of a network namespace that wait for packets from anybody.
#pragma once

#include <vector>

#include "net/address.h"
#include "os/netlink.h"

namespace weft::os {

struct BoundSocket {
  uint8_t protocol = 0;  // TCP that listens, or UDP
  net::Address address;  // unspecified: every one of the machine, for :: of both families
  uint16_t port = 0;
  auto operator<=>(const BoundSocket&) const = default;
};

// Sorted, none twice. The socket is of Bus::Sockets.
Result<std::vector<BoundSocket>> read_bound_sockets(Netlink& netlink);

}  // namespace weft::os
