// LogRecord: one line of what a workload wrote, kept as one JSON object a line
// (RFC 8259) in DIR/log/output and, rotated, output.1, output.2 ...:
//
//   {"t":"2026-11-20T09:30:00.123456789Z","s":"stdout","m":"listening on 80"}
//
// "p":true marks a piece of a line that was too long; the next goes on with it.
// Bytes that aren't UTF-8 become U+FFFD.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace weft::workload {

enum class Stream { Stdout, Stderr };
enum class LineEnd { Here, Later };

std::string_view name_of(Stream stream);

struct LogRecord {
  base::WallTime time = {};
  Stream stream = Stream::Stdout;  // a terminal's output is stdout
  std::string text;                // without the line's end
  LineEnd end = LineEnd::Here;
  bool operator==(const LogRecord&) const = default;
};

inline constexpr size_t kMostLineBytes = 16 * 1024;  // a longer line becomes several records

std::string encode(const LogRecord& record);  // with the LF
// A line without its LF; at most six times kMostLineBytes and a little.
Result<LogRecord> parse_log_record(std::string_view line);

}  // namespace weft::workload
