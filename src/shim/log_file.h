// LogFile: what a workload writes, as records in log/output below the shim's
// directory. A full file moves to output.1, that to output.2, and so on; the
// last is removed. A disk that takes nothing costs records, never the workload.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"
#include "shim/line_splitter.h"
#include "workload/spec.h"

namespace weft::shim {

class LogFile {
 public:
  // Makes the directory. Goes on with the file that is there.
  static Result<LogFile> open(std::string directory, workload::LogLimits limits);

  void append(base::WallTime now, workload::Stream stream, std::string_view bytes);
  void finish(base::WallTime now);  // lines that have no end yet
  int64_t lost() const { return lost_; }

 private:
  LogFile(std::string directory, workload::LogLimits limits) : directory_(std::move(directory)), limits_(limits) {}
  std::string path(uint64_t number) const;
  Result<> open_current();
  void rotate();
  void write(const std::vector<workload::LogRecord>& records);
  void put(std::string_view text, int64_t records);

  std::string directory_;
  workload::LogLimits limits_;
  os::Fd file_;
  uint64_t size_ = 0;
  int64_t lost_ = 0;
  LineSplitter stdout_{workload::Stream::Stdout};
  LineSplitter stderr_{workload::Stream::Stderr};
};

}  // namespace weft::shim
