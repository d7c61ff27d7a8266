// Gives gateways what there is only a limited amount of on a machine: a slot, a
// share of the ports of its address, an address that only the machine knows.
#pragma once

#include "base/result.h"
#include "gateway/facts.h"
#include "gateway/options.h"
#include "net/address.h"

namespace weft::gateway {

// Addresses between a machine and its gateways, seen by nobody else. A machine
// has sixteen blocks of them, one for each instance.
struct Inside {
  uint32_t block = 0;

  static constexpr uint32_t kBlocks = 16;
  static constexpr uint32_t kMostSlots = 1000;
  static net::Prefix all(net::Family family);  // of all blocks
  net::Prefix range(net::Family family) const;
  net::Address machine(net::Family family) const;
  net::Address gateway(net::Family family, uint32_t slot) const;
};

// Who needs a place, and for what.
enum class Need { Resolver, Internet };

// Who has a place keeps it. A newcomer takes at most a quarter of what is left, so
// that the first VPC has plenty and many more still find some; one that only asks
// the resolver takes the least, and more once it needs it. No ports: none are left.
// No slot: not in the answer. No block: other instances have them all, and no gateway
// has a place.
Places allot(const Places& given, const std::map<model::VpcId, Need>& wanted, const MachineFacts& facts,
             const Options& options);

}  // namespace weft::gateway
