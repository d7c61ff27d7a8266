#include "gateway/resolv.h"

#include <gtest/gtest.h>

namespace weft::gateway {
namespace {

TEST(ResolvConf, NameServersInOrder) {
  const auto servers = parse_resolv_conf(
      "# nameserver 9.9.9.9\nsearch x\nnameserver 192.0.2.53\n nameserver\t2001:db8::53 # second\n"
      "nameserver 192.0.2.54\nnameserver 192.0.2.55\n");
  ASSERT_EQ(servers.usable.size(), 3u);
  EXPECT_EQ(servers.usable[0].text(), "192.0.2.53");
  EXPECT_EQ(servers.usable[1].text(), "2001:db8::53");
  EXPECT_TRUE(servers.useless.empty());
}

TEST(ResolvConf, WhatServesTheMachineAloneIsNamed) {
  const auto servers = parse_resolv_conf("nameserver 127.0.0.53\nnameserver fe80::1%eth0\nnameserver ::1");
  EXPECT_TRUE(servers.usable.empty());
  EXPECT_EQ(servers.useless.size(), 3u);
}

TEST(ResolvConf, AnyText) {
  EXPECT_TRUE(parse_resolv_conf("").usable.empty());
  EXPECT_TRUE(parse_resolv_conf(std::string("nameserver\0\nnameservers 1.2.3.4\nnameserver\n", 36)).usable.empty());
  EXPECT_EQ(parse_resolv_conf("nameserver \x1b[31m\n").useless.size(), 1u);
}

}  // namespace
}  // namespace weft::gateway
