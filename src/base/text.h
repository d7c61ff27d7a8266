// Text in and out: numbers, durations, sizes, instants. Each parser takes the
// whole text or refuses it; none depends on the locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace weft::base {

std::string hex64(uint64_t value);   // 16 lower-case digits
bool is_hex(std::string_view text);  // non-empty, [0-9a-f] only

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
// As much of the beginning as `most` bytes hold, and no part of a character (UTF-8).
std::string_view beginning(std::string_view text, size_t most);

// A decimal number in [low, high]; no sign, no spaces, no leading zeros.
Result<uint64_t> parse_number(std::string_view text, uint64_t low, uint64_t high);

// "90s", "15m", "4h", "1h30m", "7d", "250ms"; more than zero, at most ten years.
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);  // the shortest that parses back

// "512", "64k", "128m", "2g" (powers of 1024, upper or lower case): bytes.
Result<uint64_t> parse_size(std::string_view text);

// RFC 3339 in UTC, "2026-11-20T09:30:00Z", fractions to nanoseconds accepted.
Result<WallTime> parse_time(std::string_view text);
std::string format_time(WallTime time);  // to the second, UTC

// The text for an error message: control characters escaped, cut at 64 bytes.
std::string printable(std::string_view text);

}  // namespace weft::base
