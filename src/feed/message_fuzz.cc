#include "base/check.h"
#include "feed/message.h"

// The bytes as they come from a socket, in two pieces; each message that parses
// is the same after another round.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  weft::feed::FrameReader reader(weft::feed::kLargestToData);
  for (const std::string_view piece : {bytes.substr(0, size / 2), bytes.substr(size / 2)}) {
    reader.feed(piece);
    while (true) {
      const auto message = reader.next();
      if (!message.ok()) return 0;
      if (!*message) break;
      if (const auto parsed = weft::feed::parse_to_data(**message); parsed.ok()) {
        const auto again = weft::feed::parse_to_data(weft::feed::encode(*parsed));
        CHECK(again.ok() && *again == *parsed);
      }
      if (const auto parsed = weft::feed::parse_to_control(**message); parsed.ok()) {
        const auto again = weft::feed::parse_to_control(weft::feed::encode(*parsed));
        CHECK(again.ok() && *again == *parsed);
      }
    }
  }
  return 0;
}
