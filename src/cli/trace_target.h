// The target of a trace: a name or an address, with a port or without.
//
//   target = name [":" port] / address4 [":" port] / address6 / "[" address6 "]" [":" port]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weft::cli {

struct TraceTarget {
  std::string name;
  std::optional<uint16_t> port;
  bool operator==(const TraceTarget&) const = default;
};

Result<TraceTarget> parse_target(std::string_view text);

}  // namespace weft::cli
