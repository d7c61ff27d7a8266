#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "os/isolated.h"
#include "os/netlink_link.h"
#include "os/netlink_route.h"
#include "os/netns.h"
#include "os/nft.h"
#include "os/process.h"
#include "os/sockets.h"

namespace weft::os {
namespace {

class Kernel : public Isolated {
 protected:
  void SetUp() override {
    Isolated::SetUp();
    netns_ = *current_netns();
    Netlink netlink = *Netlink::open();
    ASSERT_TRUE(netlink.apply({change_link({.index = 1, .state = LinkState::Up})}).ok());
  }
  Fd netns_;
};

Fd bound_socket(int type, uint16_t& port) {
  Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  EXPECT_EQ(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  port = ntohs(at.sin_port);
  return socket;
}

TEST_F(Kernel, SocketsThatWaitAreSeenOthersAreNot) {
  Netlink netlink = *Netlink::open(Bus::Sockets);
  EXPECT_TRUE(read_bound_sockets(netlink)->empty());
  uint16_t tcp = 0, udp = 0;
  const Fd listener = bound_socket(SOCK_STREAM, tcp);
  const Fd receiver = bound_socket(SOCK_DGRAM, udp);
  EXPECT_EQ(read_bound_sockets(netlink)->size(), 1u);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  const auto address = net::Address::v4(INADDR_LOOPBACK);
  EXPECT_EQ(*read_bound_sockets(netlink),
            (std::vector<BoundSocket>{{IPPROTO_TCP, address, tcp}, {IPPROTO_UDP, address, udp}}));
}

TEST_F(Kernel, TheWayToAnAddress) {
  Netlink netlink = *Netlink::open();
  const auto loopback = net::Address::v4(INADDR_LOOPBACK);
  EXPECT_EQ(*find_way(netlink, loopback), (Way{.link = 1, .source = loopback}));
  EXPECT_EQ(*find_way(netlink, *net::Address::parse("192.0.2.1")), std::nullopt);
  EXPECT_EQ(*find_way(netlink, *net::Address::parse("2001:db8::1")), std::nullopt);
}

TEST_F(Kernel, TransactionsOfNftAreWholeAndCounted) {
  const std::string table = R"({"add":{"table":{"family":"inet","name":"t"}}})";
  ASSERT_TRUE(run_nft(netns_, R"({"nftables":[)" + table + "]}").ok());
  const uint32_t before = *read_nft_generation(netns_);
  EXPECT_EQ(*read_nft_generation(netns_), before);
  const std::string bad = R"({"add":{"chain":{"family":"inet","table":"none","name":"c"}}})";
  const auto refused =
      run_nft(netns_, R"({"nftables":[{"delete":{"table":{"family":"inet","name":"t"}}},)" + bad + "]}");
  ASSERT_FALSE(refused.ok());
  EXPECT_FALSE(refused.error().what.empty());
  EXPECT_EQ(*read_nft_generation(netns_), before);
  ASSERT_TRUE(run_nft(netns_, R"({"nftables":[{"delete":{"table":{"family":"inet","name":"t"}}}]})").ok());
  EXPECT_NE(*read_nft_generation(netns_), before);
}

TEST_F(Kernel, ATableOfNftHasAnotherFingerprintAfterEachChangeOfItAlone) {
  const auto nft = [&](const std::string& command) {
    const auto outcome = run_program({.argv = {"nft", command}, .netns = &netns_});
    ASSERT_TRUE(outcome.ok() && outcome->status == 0) << command << ": " << outcome->errors;
  };
  const auto read = [&] { return *read_nft_table(netns_, "t", "c"); };
  auto changes = [&, before = read()](const std::string& command) mutable {
    nft(command);
    const auto now = read();
    return now != std::exchange(before, now);
  };
  EXPECT_EQ(read(), std::nullopt);
  EXPECT_FALSE(changes("add table inet t")) << "no chain yet";
  EXPECT_TRUE(changes("add chain inet t c { type filter hook input priority 0; policy accept; }"));
  EXPECT_TRUE(changes("add rule inet t c ip daddr { 192.0.2.1, 192.0.2.2 } drop"));
  EXPECT_TRUE(changes("insert rule inet t c accept"));
  EXPECT_TRUE(changes("flush chain inet t c"));
  EXPECT_TRUE(changes("chain inet t c { policy drop; }"));
  EXPECT_TRUE(changes("add table inet t { flags dormant; }"));
  EXPECT_FALSE(changes("add table inet other"));
  EXPECT_FALSE(changes("add chain inet other c"));
  EXPECT_TRUE(changes("flush ruleset"));
  EXPECT_EQ(read(), std::nullopt);
}

}  // namespace
}  // namespace weft::os
