#include "runtime/record.h"

#include "base/text.h"
#include "workload/lines.h"

namespace weft::runtime {

std::string encode(const Record& record) {
  std::string text;
  workload::append_line(text, "generation", std::to_string(record.generation));
  workload::append_line(text, "earlier_restarts", record.earlier_restarts);
  if (record.end) text += encode(*record.end);
  return text;
}

Result<Record> parse_record(std::string_view text) {
  Record record;
  const auto lines = TRY(workload::parse_lines(text));
  const auto generation = TRY(workload::get_value(lines, "generation"));
  record.generation = TRY(base::parse_number(generation, 0, UINT64_MAX).in_field("generation"));
  const auto restarts = TRY(workload::get_value(lines, "earlier_restarts"));
  record.earlier_restarts =
      static_cast<int64_t>(TRY(base::parse_number(restarts, 0, INT64_MAX).in_field("earlier_restarts")));
  const auto state = TRY(workload::find_value(lines, "state"));
  if (state) record.end = TRY(workload::parse_status(text));
  return record;
}

}  // namespace weft::runtime
