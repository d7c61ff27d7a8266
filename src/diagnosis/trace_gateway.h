// What the gateway of a VPC does with traffic from outside, or towards it. It
// stands outside the program that judges: the verdict here comes on top.
#pragma once

#include "api/backend.h"
#include "model/verdict.h"

namespace weft::diagnosis {

// The step that says so.
api::TraceStep leave_by_gateway(const model::State& state, const model::Opening& opening);
// Towards the TNI `target`.
api::TraceStep enter_by_gateway(const model::State& state, const model::Opening& opening, const model::Tni& target);

}  // namespace weft::diagnosis
