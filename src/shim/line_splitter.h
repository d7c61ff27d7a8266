// LineSplitter: the bytes of a stream as log records, one a line. It holds at
// most one record's text back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "workload/log_record.h"

namespace weft::shim {

class LineSplitter {
 public:
  explicit LineSplitter(workload::Stream stream) : stream_(stream) {}

  std::vector<workload::LogRecord> feed(base::WallTime now, std::string_view bytes);
  // What is left at the stream's end: at most one record, a line without an end.
  std::vector<workload::LogRecord> finish(base::WallTime now);

 private:
  workload::LogRecord take(base::WallTime now, workload::LineEnd end);

  workload::Stream stream_;
  std::string line_;
};

}  // namespace weft::shim
