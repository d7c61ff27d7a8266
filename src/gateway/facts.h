// What a gateway has to know of the machine that it stands on. Observed, never
// decided here: reading it anew is all that a change of the machine needs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/ports.h"
#include "model/ids.h"
#include "net/address.h"

namespace weft::gateway {

// What a gateway has been given for its life.
struct Place {
  uint32_t slot = 0;
  std::optional<PortRange> ports;  // of the machine's shared address; whole chunks
  auto operator<=>(const Place&) const = default;
};

// What is given out already; read from what is there, so that it outlives weftd.
struct Places {
  std::optional<uint32_t> block;  // which Inside the instance has
  std::map<model::VpcId, Place> gateways;
  bool operator==(const Places&) const = default;
};

struct MachineFacts {
  struct Link {
    int index = 0;
    std::string name;
    unsigned mtu = 1500;
    std::vector<net::Address> addresses;  // global ones, the kernel's order
    bool operator==(const Link&) const = default;
  };
  std::vector<Link> links;  // not loopback, not ours, not of another instance

  struct DefaultRoute {
    net::Family family = net::Family::V4;
    int link = 0;
    std::optional<net::Address> source;
    bool operator==(const DefaultRoute&) const = default;
  };
  std::vector<DefaultRoute> defaults;  // the preferred first

  // A name server that the machine uses, and how it gets there.
  struct Resolver {
    net::Address address;
    int link = 0;
    net::Address source;
    bool operator==(const Resolver&) const = default;
  };
  std::vector<Resolver> resolvers;
  std::vector<std::string> useless_resolvers;  // why, one line each

  struct Bound {
    uint8_t protocol = 0;
    net::Address address;  // unspecified: every one
    uint16_t port = 0;
    auto operator<=>(const Bound&) const = default;
  };
  std::vector<Bound> bound;  // sockets that wait for packets

  std::vector<Bound> published;  // by other instances

  PortSet reserved;                     // by others than us
  std::vector<net::Address> instances;  // of the machine as other instances' VPCs know it
  std::vector<net::Address> addresses;  // of any scope, on any link that isn't ours
  bool operator==(const MachineFacts&) const = default;

  const Link* find_link(int index) const;
  // The link that has the address.
  const Link* find_holder(const net::Address& address) const;
  // The preferred way out, and the address that what takes it has.
  const DefaultRoute* find_way_out(net::Family family) const;
  std::optional<net::Address> shared_address(net::Family family) const;
};

}  // namespace weft::gateway
