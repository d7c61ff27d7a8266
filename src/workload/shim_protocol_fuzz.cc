#include "base/check.h"
#include "workload/shim_protocol.h"

// The first byte says where the rest is cut in two.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weft::workload;
  if (size == 0) return 0;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t cut = wire.size() * data[0] / 256;
  FrameReader reader;
  for (const auto part : {wire.substr(0, cut), wire.substr(cut)}) {
    reader.feed(part);
    while (true) {
      const auto frame = reader.next();
      if (!frame.ok()) return 0;
      if (!frame->has_value()) break;
      const std::string& payload = (*frame)->payload;
      CHECK(payload.size() <= kMostFrameBytes);
      (void)parse_attach(payload);
      (void)parse_progress(payload);
      (void)parse_up_to(payload);
      (void)parse_grace(payload);
      (void)parse_signal(payload);
      (void)parse_resize(payload);
      (void)parse_refusal(payload);
      (void)parse_exit(payload);
      const auto command = parse_command(payload);
      CHECK(!command.ok() || *parse_command(encode_command(*command)) == *command);
    }
  }
  return 0;
}
