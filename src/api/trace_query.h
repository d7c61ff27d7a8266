// The question that `weft trace` asks, from what the user wrote.
#pragma once

#include "api/backend.h"
#include "api/draft.h"
#include "weft/v1/diagnosis.pb.h"

namespace weft::api {

// An end is a TNI, a workload (its first TNI that is in a VPC with the other end, if it
// has one), an address (of a TNI in the other end's VPC, or from outside) or "internet".
// One end must be in a VPC, or the target an address: then it may be the machine's.
Result<TraceQuery> trace_query(const Draft& draft, const v1::TraceRequest& request);

}  // namespace weft::api
