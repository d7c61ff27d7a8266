#include "datapath/wiring.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <net/if.h>

#include <cstring>

namespace weft::datapath {
namespace {

using net::Address;
using net::Prefix;

Interface first() {
  return {.tni = {"tni-0000000000000001"},
          .workload = {"w-0000000000000001"},
          .netns = "weft-w-0000000000000001",
          .machine_side = "t1",
          .device = "eth0",
          .mac = {{2, 0, 0, 0, 0, 1}},
          .addresses = {*Address::parse("10.0.1.10"), *Address::parse("fd00:1::10")},
          .cidr = *Prefix::parse("10.0.1.0/24"),
          .cidr6 = *Prefix::parse("fd00:1::/64")};
}

TEST(Wiring, TheFirstInterfaceIsTheWayToEverything) {
  EXPECT_EQ(
      text_of(wiring_of(first(), 7)),
      "address 10.0.1.10, address fd00:1::10, "
      "route ::/0, route 0.0.0.0/0, route 10.0.1.0/24, route 10.0.1.1/32, route fd00:1::/64, route fd00:1::1/128, "
      "neighbour fd00:1::1");
}

TEST(Wiring, AnotherOneAnswersForItself) {
  Interface second = first();
  second.position = 1;
  second.device = "eth1";
  second.cidr6 = {};
  second.addresses.pop_back();
  EXPECT_EQ(text_of(wiring_of(second, 8)),
            "address 10.0.1.10, route 0.0.0.0/0, route 10.0.1.0/24, route 10.0.1.1/32, rule 10.0.1.10/32");
}

TEST(Wiring, TheMachineKeepsItsOwnWayOut) {
  Interface machine = first();
  machine.home = Home::Machine;
  EXPECT_EQ(text_of(wiring_of(machine, 9)),
            "address 10.0.1.10, address fd00:1::10, "
            "route 10.0.1.0/24, route 10.0.1.1/32, route fd00:1::/64, route fd00:1::1/128");
}

uint16_t flags_of(const os::Request& request) {
  nlmsghdr head;
  std::memcpy(&head, request.message.data(), sizeof head);
  return head.nlmsg_flags;
}

TEST(Wiring, OnTheMachineRoutesOfOthersStay) {
  const Wiring routes{.addresses = {}, .routes = wiring_of(first(), 7).routes, .rules = {}};
  for (const auto& request : requests_of(routes, Home::Workload)) {
    EXPECT_TRUE(flags_of(request) & NLM_F_REPLACE) << request.what;
  }
  for (const auto& request : requests_of(routes, Home::Machine)) {
    EXPECT_TRUE(flags_of(request) & NLM_F_EXCL) << request.what;
    EXPECT_FALSE(flags_of(request) & NLM_F_REPLACE) << request.what;
  }
}

TEST(Wiring, OurOwnRoutesMakeRoomForWhatTheyShouldBe) {
  const Wiring wanted = wiring_of(first(), 7);
  Wiring there;
  for (os::Route route : wanted.routes) {
    route.mtu = 900;
    there.routes.insert(route);
  }
  there.routes.insert({.to = *Prefix::parse("10.9.0.0/16"), .link = 7});
  EXPECT_EQ(make_room(wanted, there).size(), wanted.routes.size());
  EXPECT_TRUE(make_room({}, there).empty());
}

TEST(Wiring, WhatTheWorkloadAddsIsNotMissed) {
  const Wiring wanted = wiring_of(first(), 7);
  Wiring there = wanted;
  there.addresses.insert({.link = 7, .address = *Address::parse("10.9.9.9"), .length = 32});
  there.routes.insert({.to = *Prefix::parse("10.9.0.0/16"), .link = 7});
  EXPECT_TRUE(missing(wanted, there).empty());
  there.routes.erase(there.routes.begin());
  EXPECT_EQ(missing(wanted, there).routes.size(), 1u);
}

TEST(Wiring, ADeviceIsChangedOnlyWhereItDiffers) {
  os::Link device{.index = 7, .name = "eth0", .mac = first().mac, .mtu = kMtu, .flags = IFF_UP};
  EXPECT_FALSE(change_of(first(), device));
  device.mtu = 900;
  const auto change = change_of(first(), device);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->mtu, kMtu);
  EXPECT_FALSE(change->mac || change->state);
}

}  // namespace
}  // namespace weft::datapath
