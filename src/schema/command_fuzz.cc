#include "base/check.h"
#include "schema/command.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto command = weft::schema::parse_command({reinterpret_cast<const char*>(data), size});
  if (!command.ok()) return 0;
  const std::string bytes = weft::schema::encode(*command);
  const auto back = weft::schema::parse_command(bytes);
  CHECK(back.ok());
  CHECK(weft::schema::encode(*back) == bytes);
  return 0;
}
