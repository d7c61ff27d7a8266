// The high mark is a small file beside the database that says how many changes
// have been committed. It is written after each commit, without a flush, so it
// never promises too much; a database that holds less than it says has lost
// something, which SQLite itself cannot tell: it takes a damaged end of its
// write-ahead log for one that was never finished.
//
//   file = "weft changes " 16*HEX " " 32*HEX "\n"    count, checksum
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace weft::store {

std::string encode_mark(uint64_t changes, std::string_view cluster);
Result<uint64_t> parse_mark(std::string_view text, std::string_view cluster);

class HighMark {
 public:
  static Result<HighMark> open(std::string path, std::string cluster);
  HighMark(HighMark&&) = default;
  HighMark& operator=(HighMark&&) = delete;
  ~HighMark();  // flushes

  // What the file says; nothing if there is no file yet. Failed if it is damaged.
  Result<std::optional<uint64_t>> read() const;

  Result<> write(uint64_t changes);

 private:
  HighMark(std::string path, std::string cluster, os::Fd fd);

  std::string path_;
  std::string cluster_;
  os::Fd fd_;
};

}  // namespace weft::store
