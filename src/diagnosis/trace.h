// trace: would this traffic pass, and why? The verdict, reason and rule are those
// of model::judge(), which the data path shares; the steps say in words how it
// came to be. Steps stand in the contract's order of judgement (docs/vpc.md); those
// that were never reached are missing, and the last one is the one that decided.
#pragma once

#include "api/backend.h"

namespace weft::datapath {
class Datapath;
}

namespace weft::diagnosis {

// Rules that nearly allowed it, named for each group.
inline constexpr size_t kMostNearRules = 3;

// The TNIs of the query exist. Sends nothing.
api::Trace trace(const model::State& state, base::WallTime now, const api::TraceQuery& query);

// The same packet given to the data path's own program with its own maps, as if it
// had just come: fills `live` and `live_reason`. It is counted like any other, but
// opens no flow and goes nowhere.
Result<> trace_live(const model::State& state, const datapath::Datapath& datapath, base::BootTime now,
                    const api::TraceQuery& query, api::Trace& trace);

}  // namespace weft::diagnosis
