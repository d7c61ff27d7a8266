// LogReader: the records of a workload's log, from the oldest file through the
// rotated ones to the one that is being written, and on as it grows.
//
// It stays with an open file when that is renamed, and so loses nothing as long
// as rotation doesn't lap it. It holds one record and a chunk in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "workload/log_record.h"

namespace weft::runtime {

class LogReader {
 public:
  // DIR/log. The last `tail` records; all that there are if nothing is given.
  static Result<LogReader> open(std::string directory, std::optional<uint64_t> tail);

  // The next record; nothing if there is none now. What can't be parsed is passed over.
  Result<std::optional<workload::LogRecord>> next();

 private:
  explicit LogReader(std::string directory) : directory_(std::move(directory)) {}
  std::string path(uint64_t number) const;
  Result<> find_start(uint64_t tail);
  std::optional<std::string> take_line();
  Result<bool> read_some();
  bool is_rotated() const;
  struct Place {
    std::optional<uint64_t> ours;  // of the open file among the log's
    std::optional<uint64_t> next;
  };
  Place find_place() const;
  Result<bool> open_next();

  std::string directory_;
  os::Fd file_;
  std::string buffer_;
  size_t start_ = 0;  // of what isn't taken yet
  enum class Line { Whole, TooLong } line_ = Line::Whole;
};

}  // namespace weft::runtime
