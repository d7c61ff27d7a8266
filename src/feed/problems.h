// What doesn't hold at the data plane, as its acknowledgement tells it: the
// control plane puts into the answer of a command what concerns that.
#pragma once

#include <vector>

#include "api/backend.h"

namespace weft::feed {

// Each acknowledgement carries them, and no answer is read with more. `weft status` has all.
inline constexpr size_t kMostProblems = 128;
inline constexpr size_t kMostProblemBytes = 1024;

// Those of no object first: an answer names one that wasn't told before. Then the
// newest, which may have come with the command.
std::vector<api::Problem> problems_to_tell(std::vector<api::Problem> all);

}  // namespace weft::feed
