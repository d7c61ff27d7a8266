// The first command of a new cluster: this machine, the default VPC with its
// subnet, and the machine itself as a TNI of it.
#pragma once

#include <span>
#include <string>

#include "base/rng.h"
#include "model/state.h"

namespace weft::node {

inline constexpr size_t kDefaultRanges = 16;  // as many as a machine has instances

// The default VPC's range: the first of those kept for it that the machine has no
// route into. Another instance may have one, or the network that it stands in.
net::Prefix default_range(std::span<const net::Prefix> routes);

// In the default VPC everything talks: its group lets in and out whatever gets
// as far as a TNI. From outside that is only what is published.
model::Command found_cluster(const std::string& machine_name, const net::Prefix& range, base::WallTime now,
                             base::Rng& rng);

// A machine's name out of the kernel's: a name of ours, whatever that one is.
std::string name_from_host(std::string_view host);

}  // namespace weft::node
