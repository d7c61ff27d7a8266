// moves SOCKET TNI ADDRESS NEIGHBOUR WORKLOAD WORKLOAD COUNT: moves the TNI to the
// first workload, to the second, and so on, COUNT times. After each answer one
// datagram from the network namespace NEIGHBOUR must arrive where the TNI is now,
// and nowhere else. Prints moves per second.
#include <fmt/format.h>
#include <poll.h>

#include <cstdio>

#include "base/text.h"
#include "http.h"
#include "os/clock.h"
#include "packets.h"
#include "tool.h"

namespace weft {
namespace {

using packets::Watcher;

constexpr uint64_t kMostMoves = 1'000'000;
constexpr uint16_t kFirstPort = 1024, kPorts = 60'000;
constexpr auto kPatience = std::chrono::seconds(1);
constexpr uint8_t kUdp = 17;

struct Place {
  std::string workload;  // its id
  Watcher watcher;
};

Result<Place> place(const std::string& workload) {
  const os::Fd netns = TRY(packets::netns_named("weft-" + workload));
  return Place{workload, TRY(Watcher::open(netns))};
}

Result<std::vector<uint16_t>> arrived(Place& place, uint64_t token, base::BootTime until) {
  for (;;) {
    auto ports = TRY(place.watcher.take_ports(token));
    if (!ports.empty() || os::now_boot() >= until) return ports;
    ::poll(nullptr, 0, 1);
  }
}

Result<> moves(char** words) {
  const std::string tni = words[1];
  const auto count = TRY(base::parse_number(words[6], 1, kMostMoves));
  const net::Address address = TRY(net::Address::parse(words[2]));
  const os::Fd neighbour = TRY(packets::netns_named(words[3]));
  const uint64_t token = os::random_seed();
  auto sender = TRY(packets::Sender::open(neighbour, address, token));
  auto first = TRY(place(words[4])), second = TRY(place(words[5]));
  auto weftd = TRY(http::Connection::open(words[0]));
  const base::BootTime begin = os::now_boot();
  for (uint64_t i = 0; i < count; ++i) {
    Place &now = i % 2 == 0 ? first : second, &before = i % 2 == 0 ? second : first;
    const auto answer =
        TRY(weftd.call("Tnis/Move", fmt::format(R"({{"tni":"{}","workload":"{}"}})", tni, now.workload)));
    if (answer.status != 200) return error(base::Code::Failed, "move {}: {} {}", i, answer.status, answer.body);
    const auto port = static_cast<uint16_t>(kFirstPort + i % kPorts);
    TRY_VOID(sender.send({.protocol = kUdp, .source_port = kFirstPort, .target_port = port}));
    TRY_VOID(sender.flush());
    const auto here = TRY(arrived(now, token, os::now_boot() + kPatience));
    if (here != std::vector{port}) return error(base::Code::Failed, "move {}: it isn't where it moved to", i);
    const auto there = TRY(arrived(before, token, os::now_boot()));
    if (!there.empty()) return error(base::Code::Failed, "move {}: it is still where it was", i);
  }
  const std::chrono::duration<double> taken = os::now_boot() - begin;
  fmt::print("{:.0f} moves/s\n", static_cast<double>(count) / taken.count());
  return {};
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) {
  return weft::tool(argc, argv, "moves SOCKET TNI ADDRESS NEIGHBOUR WORKLOAD WORKLOAD COUNT", weft::moves);
}
