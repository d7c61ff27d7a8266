// What this machine should hold of gateways:
//
//   Places places = allot_places(state, facts, self, held, options);
//   Desired desired = compile(state, facts, places, self, options);
//
// Both are pure and cannot fail. What can't be carried out is a Problem.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gateway/facts.h"
#include "gateway/options.h"
#include "gateway/places.h"
#include "gateway/ruleset.h"
#include "model/state.h"
#include "os/netlink_address.h"
#include "os/netlink_route.h"

namespace weft::gateway {

// Addresses, routes and neighbours. `link` is the device's index, or 0 where the
// kernel chose it: at the machine's side of a gateway.
struct Wiring {
  std::set<os::LinkAddress> addresses;
  std::set<os::Route> routes;
  std::set<os::Neighbour> neighbours;
  bool operator==(const Wiring&) const = default;
};

// A gateway is a namespace with two devices: `in` towards the instance's namespace,
// where the data path judges what passes, `out` towards the machine's.
struct Gateway {
  model::VpcId vpc;
  Place place;
  uint32_t block = 0;
  std::string netns;
  std::string instance_device;  // the other end of `in`
  std::string machine_device;   // the other end of `out`
  unsigned mtu = 1500;          // of `out`
  Wiring inside;
  Wiring machine;
  Ruleset rules;
  std::optional<uint64_t> known_fingerprint = {};  // of the rules, if somebody knows it
  bool operator==(const Gateway&) const = default;

  uint64_t fingerprint() const { return known_fingerprint ? *known_fingerprint : rules.fingerprint(); }
  // What the machine's device remembers of the gateway's place.
  std::string alias() const;
};

struct Alias {
  model::VpcId vpc;
  Place place;
  uint32_t block = 0;
  bool operator==(const Alias&) const = default;
};
std::optional<Alias> parse_alias(std::string_view text);

// What the programs at the machine's border know.
struct Border {
  enum class Kind { Outside, Inside, Tni };  // as in bpf/gateway_abi.h
  struct MachineAddress {
    Kind kind = Kind::Outside;
    int exit = 0;
    auto operator<=>(const MachineAddress&) const = default;
  };
  struct Door {  // a published port; see bpf/gateway_abi.h
    net::Address address;
    uint16_t port = 0;
    uint8_t protocol = 0;
    auto operator<=>(const Door&) const = default;
  };
  struct Behind {
    uint32_t slot = 0;
    net::Address target;
    uint16_t target_port = 0;
    auto operator<=>(const Behind&) const = default;
  };
  struct Routed {
    uint32_t slot = 0;
    int exit = 0;
    auto operator<=>(const Routed&) const = default;
  };
  std::map<uint32_t, int> gateways;  // slot: index of the machine's device
  std::map<net::Address, MachineAddress> addresses;
  std::map<uint32_t, uint32_t> chunks;  // of ports: slot
  std::map<Door, Behind> doors;
  std::map<net::Prefix, Routed> routed;
  bool operator==(const Border&) const = default;
};

struct Problem {
  std::string object;  // id of what suffers
  std::string what;
  auto operator<=>(const Problem&) const = default;
};

struct Desired {
  std::map<model::VpcId, Gateway> gateways;
  Border border;          // without the indexes in `gateways`
  std::set<int> uplinks;  // where from_uplink stands
  std::optional<Guard> guard;
  PortSet reserved;  // ports that the kernel shall hand out to nobody
  std::vector<Problem> problems;
  bool operator==(const Desired&) const = default;

  std::set<net::Address> machine() const;  // the addresses by which others know it
};

Places allot_places(const model::State& state, const MachineFacts& facts, const model::MachineId& self,
                    const Places& held, const Options& options);
Desired compile(const model::State& state, const MachineFacts& facts, const Places& places,
                const model::MachineId& self, const Options& options);

}  // namespace weft::gateway
