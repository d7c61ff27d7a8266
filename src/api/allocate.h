// Addresses, ranges and MACs that nobody named. A machine hands out addresses of
// the blocks that it leases; when they are used up it leases one more.
#pragma once

#include <optional>

#include "api/draft.h"

namespace weft::api {

// How large the blocks of a subnet are: /24 in the default VPC's subnet, /28 in
// others, single addresses where the subnet is smaller than a /24.
unsigned block_length(const Draft& draft, const model::Subnet& subnet);

// A free IPv4 address of this machine's blocks, leasing one in the draft if none
// has any left.
Result<net::Address> take_address(Draft& draft, const model::Subnet& subnet);

// The IPv6 address that goes with an IPv4 one: at the same place in its range.
// Absent: the subnet has no IPv6.
Result<std::optional<net::Address>> take_address6(Draft& draft, const model::Subnet& subnet, const net::Address& ip);

// Leases of a single address go with their holder.
void release_address(Draft& draft, const model::Subnet& subnet, const net::Address& ip);

// A ULA /56 (RFC 4193 3.2.2: the global id is random).
net::Prefix make_range6(base::Rng& rng);
// The first /64 of the VPC's IPv6 range that no subnet has. Absent: it has none.
Result<std::optional<net::Prefix>> take_range6(const Draft& draft, const model::Vpc& vpc);

// Locally administered, unicast, the rest from the id.
net::Mac mac_of(const model::TniId& id);

}  // namespace weft::api
