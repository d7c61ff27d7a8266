// scan FROM AT ADDRESS: sends a TCP SYN and a datagram to each of the 65,535 ports
// of ADDRESS, and a packet of each other IP protocol, from the network namespace
// FROM; prints what came into the namespace AT, and what answered:
//
//   arrived tcp 22,80-90 udp none other 1,47
//   answered tcp 22 udp none other 1
//
// TCP and UDP are counted by port, the others by protocol. Nothing is guessed: a
// scan during which a queue was full on the way is made again.
#include <fmt/format.h>
#include <poll.h>

#include <cstdio>

#include "os/clock.h"
#include "packets.h"
#include "tool.h"

namespace weft::packets {
namespace {

constexpr int kMostTurns = 20;
constexpr int kQuietMs = 300;
constexpr uint16_t kSourcePort = 40'001;  // only our own raw socket knows it
constexpr int kTcp = 6, kUdp = 17;

struct Scan {
  Sender sender;
  Watcher at, answers;
  net::Address target;
  uint64_t token;
  Seen arrived = {}, answered = {};

  Result<> look() {
    TRY_VOID(at.take_marked(token, arrived));
    return answers.take_answers(target, answered);
  }
  Result<> send(const Packet& packet) {
    TRY_VOID(sender.send(packet));
    // Often enough that no watcher's queue fills up.
    return packet.target_port % 256 == 0 ? look() : Result<>();
  }
  Result<> run() {
    for (int protocol = 0; protocol < 256; ++protocol) {
      if (protocol == kTcp || protocol == kUdp) continue;
      TRY_VOID(send({.protocol = static_cast<uint8_t>(protocol)}));
    }
    for (uint32_t port = 1; port < 65536; ++port) {
      const auto to = static_cast<uint16_t>(port);
      TRY_VOID(send({.protocol = kTcp, .source_port = kSourcePort, .target_port = to}));
      TRY_VOID(send({.protocol = kUdp, .source_port = kSourcePort, .target_port = to}));
    }
    TRY_VOID(sender.flush());
    ::poll(nullptr, 0, kQuietMs);
    return look();
  }
};

Result<> scan(char** words) {
  const os::Fd source = TRY(netns_named(words[0])), watched = TRY(netns_named(words[1]));
  const net::Address target = TRY(net::Address::parse(words[2]));
  for (int turn = 0; turn < kMostTurns; ++turn) {
    const uint64_t token = os::random_seed(), lost = dropped_by_queues();
    Scan scan{.sender = TRY(Sender::open(source, target, token)),
              .at = TRY(Watcher::open(watched)),
              .answers = TRY(Watcher::open(source)),
              .target = target,
              .token = token};
    const auto outcome = scan.run();
    if (!outcome.ok() && outcome.error().code != base::Code::TimedOut) return outcome;
    if (!outcome.ok() || dropped_by_queues() != lost) continue;
    const auto line = [](const char* name, const Seen& seen) {
      fmt::print("{} tcp {} udp {} other {}\n", name, ranges(seen.tcp), ranges(seen.udp), ranges(seen.other));
    };
    line("arrived", scan.arrived);
    line("answered", scan.answered);
    return {};
  }
  return error(base::Code::TimedOut, "the machine is too busy: packets were lost in each of {} scans", kMostTurns);
}

}  // namespace
}  // namespace weft::packets

int main(int argc, char** argv) { return weft::tool(argc, argv, "scan FROM AT ADDRESS", weft::packets::scan); }
