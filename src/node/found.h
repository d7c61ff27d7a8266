// The first command of a new cluster: this machine, the default VPC with its
// subnet, and the machine itself as a TNI of it.
#pragma once

#include <string>

#include "base/rng.h"
#include "model/state.h"

namespace weft::node {

// In the default VPC everything talks: its group lets in and out whatever gets
// as far as a TNI. From outside that is only what is published.
model::Command found_cluster(const std::string& machine_name, base::WallTime now, base::Rng& rng);

// A machine's name out of the kernel's: a name of ours, whatever that one is.
std::string name_from_host(std::string_view host);

}  // namespace weft::node
