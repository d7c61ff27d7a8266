#include "net/packet.h"

#include <gtest/gtest.h>

namespace weft::net {
namespace {

Address address(const char* text) { return *Address::parse(text); }

TEST(Packet, TheChecksumIsThatOfRfc1071) {
  // The RFC's own example: 0001 f203 f4f5 f6f7 sum to ddf2.
  EXPECT_EQ(checksum({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}), static_cast<uint16_t>(~0xddf2));
  EXPECT_EQ(checksum({0xff}), static_cast<uint16_t>(~0xff00));
}

TEST(Packet, AnIpv4HeaderSumsToNothing) {
  const Bytes packet = ip({.source = address("10.0.0.4"), .target = address("10.0.0.5"), .protocol = 17}, zeros(3));
  ASSERT_EQ(packet.size(), 23u);
  EXPECT_EQ(packet[0], 0x45);
  EXPECT_EQ(packet[3], 23);
  EXPECT_EQ(checksum(Bytes(packet.begin(), packet.begin() + 20)), 0);
}

TEST(Packet, AnIpv6HeaderHas40Bytes) {
  const Bytes packet =
      ip({.source = address("fd00::4"), .target = address("fd00::5"), .protocol = 58, .ttl = 255}, zeros(8));
  ASSERT_EQ(packet.size(), 48u);
  EXPECT_EQ(Bytes(packet.begin(), packet.begin() + 8), (Bytes{0x60, 0, 0, 0, 0, 8, 58, 255}));
  EXPECT_EQ(packet[23], 4);
}

TEST(Packet, AnIpv4AndAnIpv6SegmentSumWithTheirPseudoHeaders) {
  const IpHeader around{.source = address("10.0.0.4"), .target = address("10.0.0.5")};
  const Bytes segment = udp(around, {5000, 53}, {1, 2, 3});
  const Bytes pseudo = Bytes{10, 0, 0, 4, 10, 0, 0, 5, 0, 17, 0, 11};
  EXPECT_EQ(checksum(pseudo + segment), 0);
  EXPECT_EQ(segment.size(), 11u);
  EXPECT_EQ(tcp(around, {1, 2}, 0x02).size(), 20u);
}

}  // namespace
}  // namespace weft::net
