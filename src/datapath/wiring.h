// What the workload's end of an interface has: pure. It is put there when the
// interface is made, and put back when somebody takes it away. What a workload
// adds is its own.
#pragma once

#include <set>
#include <string>

#include "datapath/interface.h"
#include "os/netlink_address.h"
#include "os/netlink_link.h"
#include "os/netlink_route.h"

namespace weft::datapath {

struct Wiring {
  std::set<os::LinkAddress> addresses;
  std::set<os::Route> routes;
  std::set<os::Rule> rules;
  std::set<os::Neighbour> neighbours;
  bool operator==(const Wiring&) const = default;
  bool empty() const { return addresses.empty() && routes.empty() && rules.empty() && neighbours.empty(); }
};

// `link` is the device's index. As the kernel shows it when it is there.
Wiring wiring_of(const Interface& interface, int link);
// The routing table of eth1, eth2, ...; eth0 uses the main one only.
uint32_t table_of(const Interface& interface);

// What of `wanted` isn't there.
Wiring missing(const Wiring& wanted, const Wiring& there);
// Addresses first: routes prefer one of them. On the machine, routes of others stay:
// what has one's place already is an error.
std::vector<os::Request> requests_of(const Wiring& wiring, Home home);
// Of what is there, the routes that stand in the place of wanted ones.
std::vector<os::Request> make_room(const Wiring& wanted, const Wiring& there);

// How the device differs from the interface; nothing: it doesn't. The name is
// changed apart: not every kernel lets a device that is up have another.
std::optional<os::LinkChange> change_of(const Interface& interface, const os::Link& device);

// "address 10.0.1.10, route 0.0.0.0/0"
std::string text_of(const Wiring& wiring);

}  // namespace weft::datapath
