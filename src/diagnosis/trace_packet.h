// The first packet of what a trace is asked about.
#pragma once

#include <optional>
#include <string>

#include "api/backend.h"
#include "diagnosis/surroundings.h"
#include "model/verdict.h"

namespace weft::diagnosis {

struct TracePacket {
  // Why there can be no such packet, and the step at which that shows.
  struct Obstacle {
    std::string step;
    std::string what;
    model::Reason reason = model::Reason::None;
  };
  model::Opening opening;
  std::optional<Surroundings::Door> door;  // by which it comes in, if one was named
  std::optional<Obstacle> obstacle;
};

// The families in which there may be one: those that both ends have, IPv4 first; of
// two named ends the first that they have in common. Never empty.
std::vector<net::Family> families_of(const model::State& state, const api::TraceQuery& query);

// The packet in that family. The internet is an address of documentation (RFC 5737,
// RFC 3849) that no range of the VPC has. Without a VPC in the query the target is an
// address of the machine: whoever publishes the port is meant; an error, if it isn't.
Result<TracePacket> trace_packet(const model::State& state, const Surroundings& around, const api::TraceQuery& query,
                                 net::Family family);

}  // namespace weft::diagnosis
