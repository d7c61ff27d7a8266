// The control groups that a parent made for its workload, and takes away again
// unless it was killed.
#pragma once

#include <string>

#include "base/result.h"

namespace weft::runtime {

// Kills what is in the group and removes it, in every hierarchy where weft-shim
// makes one. Unavailable: something in it is still dying. An absent one counts as removed.
Result<> remove_group(const std::string& root, const std::string& group);

// The groups in this one, and then itself.
Result<> remove_groups(const std::string& root, const std::string& parent);

}  // namespace weft::runtime
