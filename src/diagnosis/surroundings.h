// What a trace has to know of the machine beside the state: what stands around the data
// path here. Observed, and compiled from what was observed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "model/ids.h"
#include "net/address.h"

namespace weft::diagnosis {

struct Surroundings {
  // A published port that is open, in one family.
  struct Door {
    model::VpcId vpc;
    net::Family family = net::Family::V4;
    std::optional<net::Address> address;  // of the machine; none: all of them
    uint16_t port = 0;
    uint8_t protocol = 0;
    net::Address target;
    uint16_t target_port = 0;
  };
  struct Gateway {
    std::optional<net::Address> shared;  // IPv4 leaves with it; none: it doesn't leave
    std::optional<net::Prefix> routed;   // IPv6 that passes as it is
    std::set<net::Family> resolves;      // families in which the machine has a name server
  };
  std::set<net::Address> machine;            // addresses by which others know it
  std::map<model::VpcId, Gateway> gateways;  // that stand here
  std::vector<Door> doors;

  const Gateway* find_gateway(const model::VpcId& vpc) const {
    const auto found = gateways.find(vpc);
    return found == gateways.end() ? nullptr : &found->second;
  }
  // The one that a packet for an address of the machine meets.
  const Door* find_door(const net::Address& address, uint8_t protocol, uint16_t port) const;
};

}  // namespace weft::diagnosis
