// What the gateway of a VPC does with traffic from outside, or towards it. It
// stands outside the program that judges: the verdict here comes on top.
#pragma once

#include "api/backend.h"
#include "diagnosis/surroundings.h"
#include "model/verdict.h"

namespace weft::diagnosis {

// Each answers the step that says so. Towards the internet, or the door of another VPC:
api::TraceStep leave_by_gateway(const model::State& state, const Surroundings& around, const model::Opening& opening);
// Towards the TNI `target`.
api::TraceStep enter_by_gateway(const model::State& state, const Surroundings& around, const model::Opening& opening,
                                const model::Tni& target);
// To the machine's name servers.
api::TraceStep ask_by_gateway(const model::State& state, const Surroundings& around, const model::Opening& opening);

// "port 8080 of the machine is published: it leads to web"
api::TraceStep pass_door(const model::State& state, const Surroundings::Door& door);
// What comes out behind the door of a packet that a TNI sent to the machine.
model::Opening behind_door(const model::State& state, const Surroundings& around, const model::Opening& opening,
                           const Surroundings::Door& door);

}  // namespace weft::diagnosis
