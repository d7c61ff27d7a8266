#include "base/check.h"
#include "diagnosis/event_log.h"

// An event that is read is written as the same event.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto event = weft::diagnosis::parse_event({reinterpret_cast<const char*>(data), size});
  if (!event.ok()) return 0;
  const std::string line = weft::diagnosis::json_line(*event);
  const auto back = weft::diagnosis::parse_event(line);
  CHECK(back.ok());
  CHECK(weft::diagnosis::json_line(*back) == line);
  return 0;
}
