// Lines: where a log's lines go, one JSON object each.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weft::diagnosis {

class Lines {
 public:
  virtual ~Lines() = default;
  // Whole lines, each with its LF.
  virtual Result<> append(std::string_view lines) = 0;
};

struct RotatedFileOptions {
  std::string path;
  size_t most_bytes = 8 << 20;  // of one file; then it becomes path.1
  unsigned most_old = 3;        // path.1, path.2, ...: the oldest goes
};
// A file that is replaced when it is full: on the disk there are never more than
// (most_old + 1) * most_bytes. An append may block as long as the disk does.
Result<std::unique_ptr<Lines>> open_rotated_file(RotatedFileOptions options);

// The newest whole lines of such a file and its predecessors, `most_bytes` at the
// most. Nothing where there is no file.
Result<std::string> read_rotated_file(const RotatedFileOptions& options, size_t most_bytes);

}  // namespace weft::diagnosis
