#include "base/check.h"
#include "workload/spec.h"
#include "workload/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto spec = weft::workload::parse_spec(text); spec.ok()) {
    CHECK(*weft::workload::parse_spec(encode(*spec)) == *spec);
  }
  if (const auto status = weft::workload::parse_status(text); status.ok()) {
    CHECK(*weft::workload::parse_status(encode(*status)) == *status);
  }
  return 0;
}
