// What a gateway's namespace lets through and translates, as the JSON that
// `nft -j -f -` takes (libnftables-json(5)).
//
//   enter  before routing: who asks the resolver or a published port gets there
//   pass   what may cross the gateway, and nothing else; the VPC is told what doesn't
//   leave  after routing: what leaves has the machine's address and a port of its
//          share; what comes from the machine or from the VPC itself through a
//          published port has the router's
//
// It is one transaction that replaces all of the table: connections that are open
// don't notice.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/ports.h"
#include "model/ids.h"
#include "net/address.h"

namespace weft::gateway {

// A published port, in one family.
struct Published {
  net::Family family = net::Family::V4;
  std::optional<net::Address> address;  // of the machine; none: all of them
  uint16_t port = 0;
  uint8_t protocol = 0;
  net::Address target;
  uint16_t target_port = 0;
  // For programs of the machine, which call the gateway's own address: the port to
  // call there. 0: they go another way.
  uint16_t inside_port = 0;
  model::WorkloadId workload;
  auto operator<=>(const Published&) const = default;
};

struct Ruleset {
  struct Subnet {
    net::Prefix range;
    net::Address router;
    bool operator==(const Subnet&) const = default;
  };
  struct Resolver {
    std::vector<net::Address> asked;
    net::Address answers;
    net::Address source;  // the machine's address towards it
    bool operator==(const Resolver&) const = default;
  };
  std::vector<net::Prefix> ranges;    // of the VPC, both families
  std::vector<Subnet> subnets;        // both families
  std::vector<net::Address> machine;  // addresses by which others know the machine
  std::vector<net::Prefix> inside;    // where the machine's own programs call from, one of each family
  std::vector<net::Address> own;      // what they call, one of each family
  std::vector<Resolver> resolvers;
  std::vector<Published> published;
  std::optional<PortRange> ports;
  std::optional<net::Address> shared;  // for what leaves to the internet; none: nothing does
  std::optional<net::Prefix> routed;   // IPv6 that passes as it is

  bool operator==(const Ruleset&) const = default;
  std::string nft() const;
  // The same for equal rules; kept in the kernel beside them.
  uint64_t fingerprint() const;
};

// A table in the machine's namespace: what comes for these addresses of the machine
// by a device that isn't in the list is dropped. The kernel takes packets for any of
// its addresses by whatever device they come, so without it all but the uplinks,
// where from_uplink stands, would lead past the groups.
struct Guard {
  std::string table;
  std::vector<std::string> devices;  // names; a last * stands for anything
  std::vector<net::Address> addresses;

  static constexpr const char* kChain = "guard";
  bool operator==(const Guard&) const = default;
  std::string nft() const;
  uint64_t fingerprint() const;
};
// Takes the table away, if there is one.
std::string nft_without(const std::string& table);

}  // namespace weft::gateway
