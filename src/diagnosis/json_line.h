// One JSON object on a line, as the logs' files have it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/text.h"
#include "base/time.h"

namespace weft::diagnosis {

// Bytes that aren't UTF-8 become U+FFFD.
inline std::string to_line(const nlohmann::ordered_json& object) {
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// RFC 3339 in UTC, always to the nanosecond.
inline std::string exact_time(base::WallTime time) {
  constexpr int64_t kSecond = 1'000'000'000;
  std::string text = base::format_time(time);
  text.pop_back();
  return text + fmt::format(".{:09}Z", (time.ns % kSecond + kSecond) % kSecond);
}

}  // namespace weft::diagnosis
