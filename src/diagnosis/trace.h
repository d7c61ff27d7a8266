// trace: would this traffic pass, and why? The verdict, reason and rule are those
// of model::judge(), which the data path shares; the steps say in words how it
// came to be. Steps stand in the contract's order of judgement (docs/vpc.md); those
// that were never reached are missing, and the last one is the one that decided.
#pragma once

#include "api/backend.h"
#include "diagnosis/surroundings.h"
#include "diagnosis/trace_packet.h"

namespace weft::datapath {
class Datapath;
}

namespace weft::diagnosis {

// Rules that nearly allowed it, named for each group.
inline constexpr size_t kMostNearRules = 3;

// What was traced: the packet, and what the data path alone says of it. Gateways stand
// around the data path, and their say comes on top.
struct Traced {
  TracePacket packet;
  api::Trace trace;
  model::Reason judged = model::Reason::None;
};
Result<Traced> trace_query(const model::State& state, base::WallTime now, const Surroundings& around,
                           const api::TraceQuery& query);

// The TNIs of the query exist. Sends nothing. An error: no VPC has to do with it.
Result<api::Trace> trace(const model::State& state, base::WallTime now, const Surroundings& around,
                         const api::TraceQuery& query);

// As above, and such a packet is given to the data path's own programs with their own
// maps, as if its sender had sent it: fills the fields `live`. It is counted like any
// other, but opens no flow and goes nowhere.
Result<api::Trace> trace_live(const model::State& state, const datapath::Datapath& datapath, base::WallTime now,
                              const Surroundings& around, const api::TraceQuery& query);

}  // namespace weft::diagnosis
