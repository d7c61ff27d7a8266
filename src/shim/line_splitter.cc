#include "shim/line_splitter.h"

#include <algorithm>

namespace weft::shim {

using workload::kMostLineBytes;
using workload::LineEnd;
using workload::LogRecord;

std::vector<LogRecord> LineSplitter::feed(base::WallTime now, std::string_view bytes) {
  std::vector<LogRecord> records;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, std::min(end, kMostLineBytes - line_.size()));
    line_ += part;
    bytes.remove_prefix(part.size());
    if (!bytes.empty() && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      records.push_back(take(now, LineEnd::Here));
    } else if (line_.size() == kMostLineBytes) {
      records.push_back(take(now, LineEnd::Later));
    }
  }
  return records;
}

std::vector<LogRecord> LineSplitter::finish(base::WallTime now) {
  if (line_.empty()) return {};
  return {take(now, LineEnd::Here)};
}

LogRecord LineSplitter::take(base::WallTime now, LineEnd end) {
  // A terminal ends its lines with CR LF.
  if (end == LineEnd::Here && line_.ends_with('\r')) line_.pop_back();
  return {.time = now, .stream = stream_, .text = std::exchange(line_, {}), .end = end};
}

}  // namespace weft::shim
