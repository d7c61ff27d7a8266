// flood FROM ADDRESS SECONDS: opens new flows from the network namespace FROM to
// ADDRESS, as fast as it can: each datagram has other ports than all before it.
// Prints how many it sent.
#include <fmt/format.h>

#include <cstdio>

#include "base/text.h"
#include "os/clock.h"
#include "packets.h"
#include "tool.h"

namespace weft::packets {
namespace {

constexpr int64_t kMostSeconds = 600;
constexpr uint16_t kFirstSource = 10'000, kFirstTarget = 10'000, kPorts = 50'000;
constexpr uint8_t kUdp = 17;

Result<> flood(char** words) {
  const os::Fd source = TRY(netns_named(words[0]));
  const net::Address target = TRY(net::Address::parse(words[1]));
  const auto length = std::chrono::seconds(TRY(base::parse_number(words[2], 1, kMostSeconds)));
  Sender sender = TRY(Sender::open(source, target, os::random_seed()));
  const base::BootTime end = os::now_boot() + length;
  uint64_t sent = 0;
  for (; sent % 64 != 0 || os::now_boot() < end; ++sent) {
    TRY_VOID(sender.send({.protocol = kUdp,
                          .source_port = static_cast<uint16_t>(kFirstSource + sent % kPorts),
                          .target_port = static_cast<uint16_t>(kFirstTarget + sent / kPorts % kPorts)}));
  }
  TRY_VOID(sender.flush());
  fmt::print("{}\n", sent);
  return {};
}

}  // namespace
}  // namespace weft::packets

int main(int argc, char** argv) { return weft::tool(argc, argv, "flood FROM ADDRESS SECONDS", weft::packets::flood); }
