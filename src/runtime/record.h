// Record: what is remembered of a workload beyond a power cycle, in a file of
// the state directory: which start of it was carried out, and how that ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "workload/status.h"

namespace weft::runtime {

struct Record {
  uint64_t generation = 0;                // of the row that was started; 0: not known
  int64_t earlier_restarts = 0;           // by earlier parents, for the same generation
  std::optional<workload::Status> end{};  // once nothing runs any more
  bool operator==(const Record&) const = default;
};

std::string encode(const Record& record);
Result<Record> parse_record(std::string_view text);

}  // namespace weft::runtime
