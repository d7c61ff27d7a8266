// The environment of a command: nothing of the shim's own.
#pragma once

#include <string>
#include <vector>

#include "workload/command.h"

namespace weft::shim {

// A later setting of a name replaces an earlier one; PATH, HOME and, at a
// terminal, TERM are added if nobody set them.
std::vector<std::string> environment_of(const workload::Command& command, const std::string& home);

// A command inside a workload takes what it doesn't say from the workload's own.
workload::Command within(const workload::Command& outer, workload::Command command);

}  // namespace weft::shim
