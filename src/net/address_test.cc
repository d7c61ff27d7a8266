#include "net/address.h"

#include <gtest/gtest.h>

namespace weft::net {
namespace {

TEST(Address, ParsesAndPrintsBothFamilies) {
  EXPECT_EQ(Address::parse("10.0.1.7")->text(), "10.0.1.7");
  EXPECT_EQ(Address::parse("FD00:0::1")->text(), "fd00::1");
  EXPECT_TRUE(Address::parse("0.0.0.0")->is_v4());
  EXPECT_FALSE(Address::parse("::")->is_v4());
  for (const char* bad : {"", "10.0.1", "10.0.1.256", "010.0.1.7", "10.0.1.7 ", "fe80::1%eth0", "::ffff:10.0.0.1",
                          "1:2:3:4:5:6:7:8:9", "10.0.0.1/24"}) {
    EXPECT_FALSE(Address::parse(bad).ok()) << bad;
  }
  EXPECT_FALSE(Address::parse(std::string(4000, '1')).ok());
  EXPECT_FALSE(Address::parse(std::string_view("10.0.0.1\0", 9)).ok());
}

TEST(Address, PlusCarries) {
  EXPECT_EQ(Address::parse("10.0.0.255")->plus(1).text(), "10.0.1.0");
  EXPECT_EQ(Address::parse("fd00::ffff:ffff:ffff:ffff")->plus(1).text(), "fd00:0:0:1::");
}

TEST(Prefix, IsCanonical) {
  EXPECT_EQ(Prefix::parse("100.68.0.18/18")->text(), "100.68.0.0/18");
  EXPECT_EQ(Prefix::parse("fd00::1/64")->text(), "fd00::/64");
  EXPECT_EQ(Prefix::parse("10.0.0.1")->text(), "10.0.0.1/32");
  EXPECT_EQ(Prefix::parse("0.0.0.0/0")->last().text(), "255.255.255.255");
  EXPECT_EQ(Prefix::parse("::/0")->last().text(), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  for (const char* bad : {"", "/24", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "fd00::/129", "10.0.0.0/8/8"}) {
    EXPECT_FALSE(Prefix::parse(bad).ok()) << bad;
  }
}

TEST(Prefix, ContainsOnlyItsOwnFamily) {
  const Prefix all4 = Prefix::any(Family::V4);
  const Prefix all6 = Prefix::any(Family::V6);
  EXPECT_TRUE(all4.contains(*Address::parse("1.2.3.4")));
  EXPECT_FALSE(all6.contains(*Address::parse("1.2.3.4")));
  EXPECT_FALSE(all6.overlaps(all4));
  EXPECT_TRUE(Prefix::parse("10.0.0.0/8")->overlaps(*Prefix::parse("10.1.0.0/16")));
  EXPECT_FALSE(Prefix::parse("10.0.0.0/16")->overlaps(*Prefix::parse("10.1.0.0/16")));
}

TEST(Mac, ParsesAndPrints) {
  EXPECT_EQ(Mac::parse("02:00:0a:d2:01:07")->text(), "02:00:0a:d2:01:07");
  for (const char* bad : {"", "02:00:0a:d2:01", "02:00:0a:d2:01:7", "02:00:0a:d2:01:07:08", "zz:00:0a:d2:01:07"}) {
    EXPECT_FALSE(Mac::parse(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace weft::net
