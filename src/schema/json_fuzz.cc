#include "base/check.h"
#include "schema/json.h"
#include "weft/v1/workload.pb.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weft::v1::WorkloadItem message;
  if (!weft::schema::read_json_text({reinterpret_cast<const char*>(data), size}, message).ok()) return 0;
  weft::v1::WorkloadItem back;
  CHECK(weft::schema::read_json_text(weft::schema::to_json_text(message), back).ok());
  CHECK(back.SerializeAsString() == message.SerializeAsString());
  return 0;
}
