#include "diagnosis/doctor.h"

// Whatever the machine says, it is read to its end.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  weft::diagnosis::parse_cgroups(text, text);
  weft::diagnosis::parse_name_servers(text);
  weft::diagnosis::parse_chains(text, "weft");
  return 0;
}
