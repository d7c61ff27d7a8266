// Lines: the text of the files and requests that weftd and a weft-shim share.
//
//   text  = *line
//   line  = key " " value LF          key: [a-z0-9_]+
//   value = any bytes but NUL, with LF written as \n and \ as \\ .
//
// A list is a key that repeats. Small enough to read in a program that must
// start within a millisecond, and safe to look at with cat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weft::workload {

struct Line {
  std::string key;
  std::string value;
  bool operator==(const Line&) const = default;
};

// What execve takes (2 MB on most machines) is more than anybody should pass on.
inline constexpr size_t kMostTextBytes = size_t{1} << 20;
inline constexpr size_t kMostLines = 16384;

void append_line(std::string& text, std::string_view key, std::string_view value);
void append_line(std::string& text, std::string_view key, int64_t value);

Result<std::vector<Line>> parse_lines(std::string_view text);

// The value of a key that must stand there exactly once, or may be absent.
Result<std::string> get_value(const std::vector<Line>& lines, std::string_view key);
Result<std::optional<std::string>> find_value(const std::vector<Line>& lines, std::string_view key);

}  // namespace weft::workload
