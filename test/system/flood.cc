// flood FROM ADDRESS SECONDS: opens new flows from the network namespace FROM to
// ADDRESS, as fast as it can: each datagram has other ports than all before it.
// Prints how many it sent.
#include <fmt/format.h>

#include <cstdio>

#include "base/text.h"
#include "os/clock.h"
#include "packets.h"

namespace weft::packets {
namespace {

constexpr int64_t kMostSeconds = 600;
constexpr uint16_t kFirstSource = 10'000, kFirstTarget = 10'000, kPorts = 50'000;
constexpr uint8_t kUdp = 17;

Result<uint64_t> flood(const std::string& from, const std::string& address, const std::string& seconds) {
  const auto length = std::chrono::seconds(TRY(base::parse_number(seconds, 1, kMostSeconds)));
  const os::Fd source = TRY(netns_named(from));
  const net::Address target = TRY(net::Address::parse(address));
  Sender sender = TRY(Sender::open(source, target, os::random_seed()));
  const base::BootTime end = os::now_boot() + length;
  uint64_t sent = 0;
  for (; sent % 64 != 0 || os::now_boot() < end; ++sent) {
    TRY_VOID(sender.send({.protocol = kUdp,
                          .source_port = static_cast<uint16_t>(kFirstSource + sent % kPorts),
                          .target_port = static_cast<uint16_t>(kFirstTarget + sent / kPorts % kPorts)}));
  }
  TRY_VOID(sender.flush());
  return sent;
}

}  // namespace
}  // namespace weft::packets

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: flood FROM ADDRESS SECONDS\n", stderr);
    return 2;
  }
  const auto sent = weft::packets::flood(argv[1], argv[2], argv[3]);
  if (sent.ok()) return fmt::print("{}\n", *sent), 0;
  fmt::print(stderr, "flood: {}\n", sent.error().what);
  return 1;
}
