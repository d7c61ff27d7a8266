// The first packet of what a trace is asked about.
#pragma once

#include <string>

#include "api/backend.h"
#include "model/verdict.h"

namespace weft::diagnosis {

struct TracePacket {
  model::Opening opening;
  // Why there can be no such packet; empty: there can.
  std::string impossible;
  model::Reason reason = model::Reason::None;  // if it is impossible
};

// Of a TNI the address that both ends have in common is taken, IPv4 first. The
// internet is an address of documentation (RFC 5737, RFC 3849) that no range of
// the VPC has.
TracePacket trace_packet(const model::State& state, const api::TraceQuery& query);

bool is_in_ranges(const model::Vpc& vpc, const net::Address& address);

}  // namespace weft::diagnosis
