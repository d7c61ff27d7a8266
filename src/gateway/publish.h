// The published ports of the workloads of one machine, VPC by VPC.
#pragma once

#include <map>
#include <vector>

#include "gateway/desired.h"

namespace weft::gateway {

struct Doors {
  std::vector<Published> published;              // for the gateway's rules
  std::map<Border::Door, Border::Behind> doors;  // for the machine's border
  std::vector<Problem> problems;
};

// Those that lead into the VPC, by the gateway of that slot.
Doors publish(const model::State& state, const MachineFacts& facts, const model::MachineId& self,
              const Options& options, const model::Vpc& vpc, const Inside& inside, uint32_t slot);

}  // namespace weft::gateway
