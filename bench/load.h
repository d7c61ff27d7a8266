// Load between two network namespaces, measured the same way whatever is in
// between. Both ends are threads of this process; pinned to one core, what
// remains is the path's own cost.
#pragma once

#include <string>

#include "base/result.h"
#include "net/address.h"
#include "os/fd.h"

namespace weft::bench {

// A way from one namespace to another.
struct Path {
  std::string name;
  os::Fd client;
  os::Fd server;
  net::Address target;  // of the server
};

enum class Measure { Latency, Connections, Packets, Throughput1, Throughput4 };

std::string_view name_of(Measure measure);  // "latency"
std::string_view unit_of(Measure measure);

// One round of about `seconds`: microseconds for a round trip of one byte over
// TCP; TCP connections opened, used and closed per second; UDP packets of 64
// bytes per second; gigabits per second.
Result<double> measure(const Path& path, Measure what, double seconds);

}  // namespace weft::bench
