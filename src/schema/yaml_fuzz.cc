#include "schema/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto documents = weft::schema::parse_yaml({reinterpret_cast<const char*>(data), size});
  if (documents.ok()) {
    for (const auto& document : *documents)
      (void)document.tree.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  }
  return 0;
}
