#include "base/check.h"
#include "workload/log_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)weft::workload::parse_log_record(bytes);
  // Whatever a workload writes, its record can be read.
  const std::string line = encode(weft::workload::LogRecord{.text = std::string(bytes.substr(0, 16384))});
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(weft::workload::parse_log_record(std::string_view(line).substr(0, line.size() - 1)).ok());
  return 0;
}
