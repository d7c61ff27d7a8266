#include "test/contract/world.h"

namespace weft::model {
namespace {

using base::Code;
using testing::HasSubstr;

class Addresses : public World {};

TEST_F(Addresses, ADDR_1_OneToFiveRangesFrom16To28) {
  EXPECT_TRUE(try_vpc("wide", {"10.0.0.0/16"}).ok());
  EXPECT_TRUE(try_vpc("narrow", {"10.0.0.0/28"}).ok());
  EXPECT_TRUE(try_vpc("five", {"10.0.0.0/24", "10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24", "10.4.0.0/24"}).ok());
  EXPECT_FALSE(try_vpc("too-wide", {"10.0.0.0/15"}).ok());
  EXPECT_FALSE(try_vpc("too-narrow", {"10.0.0.0/29"}).ok());
  EXPECT_FALSE(try_vpc("none", {}).ok());
  const auto six =
      try_vpc("six", {"10.0.0.0/24", "10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24", "10.4.0.0/24", "10.5.0.0/24"});
  ASSERT_FALSE(six.ok());
  EXPECT_EQ(six.error().code, Code::Limit);
  EXPECT_EQ(six.error().field, "cidrs");
}

TEST_F(Addresses, ADDR_2_OneIpv6RangeOrNone) {
  EXPECT_TRUE(try_vpc("without", {"10.0.0.0/16"}).ok());
  EXPECT_TRUE(try_vpc("with", {"10.0.0.0/16"}, "2001:db8:1::/56").ok());
  EXPECT_FALSE(try_vpc("too-small", {"10.0.0.0/16"}, "2001:db8:1::/65").ok());
}

TEST_F(Addresses, ADDR_3_RangesOfDifferentVpcsMayBeTheSameThoseOfOneMayNotOverlap) {
  EXPECT_TRUE(try_vpc("other", {"10.20.0.0/16"}, "fd20::/56").ok());
  const auto overlapping = try_vpc("own", {"10.0.0.0/16", "10.0.128.0/24"});
  ASSERT_FALSE(overlapping.ok());
  EXPECT_EQ(overlapping.error().code, Code::Conflict);
  EXPECT_THAT(overlapping.error().what, HasSubstr("10.0.128.0/24 overlaps 10.0.0.0/16"));
}

TEST_F(Addresses, ADDR_5_ASubnetIsInsideItsVpcAndOverlapsNoOther) {
  expect_accepted(subnet("db", "10.20.2.0/28", "fd20:0:0:2::/64"));
  expect_accepted(subnet("v4-only", "10.20.3.0/24"));
  expect_refused(subnet("outside", "10.21.0.0/24"), Code::Usage, "cidr");
  expect_refused(subnet("too-narrow", "10.20.4.0/29"), Code::Usage, "cidr");
  expect_refused(subnet("too-large6", "10.20.4.0/24", "fd20::/63"), Code::Usage, "cidr6");
  expect_refused(subnet("outside6", "10.20.4.0/24", "fd21::/64"), Code::Usage, "cidr6");
  const Refusal beside = expect_refused(subnet("beside", "10.20.1.128/25"), Code::Conflict, "cidr");
  EXPECT_EQ(beside.holder, subnet("app", "10.20.1.0/24").id.text);
  expect_refused(subnet("beside6", "10.20.4.0/24", "fd20:0:0:1::/64"), Code::Conflict, "cidr6");
}

TEST_F(Addresses, ADDR_6_TheFirstFourAndTheLastBelongToNoTni) {
  for (const char* reserved : {"10.20.1.0", "10.20.1.1", "10.20.1.2", "10.20.1.3", "10.20.1.255"}) {
    expect_refused(tni("t", reserved), Code::Conflict, "ip");
  }
  EXPECT_EQ(expect_refused(tni("t", "10.20.1.1"), Code::Conflict, "ip").holder, "the router");
  EXPECT_EQ(expect_refused(tni("t", "10.20.1.2"), Code::Conflict, "ip").holder, "the resolver");
  EXPECT_EQ(expect_refused(tni("t", "10.20.1.3"), Code::Conflict, "ip").holder, "the subnet");
  expect_accepted(tni("first", "10.20.1.4"));
  expect_accepted(tni("last", "10.20.1.254"));
  for (const char* reserved :
       {"fd20:0:0:1::", "fd20:0:0:1::1", "fd20:0:0:1::2", "fd20:0:0:1::3", "fd20:0:0:1:ffff:ffff:ffff:ffff"}) {
    Tni six = tni("six", "10.20.1.9");
    six.ip6 = address(reserved);
    expect_refused(six, Code::Conflict, "ip6");
  }
  Tni six = tni("six", "10.20.1.9");
  six.ip6 = address("fd20:0:0:1::4");
  expect_accepted(six);
}

TEST_F(Addresses, ADDR_7_AnAddressThatSomebodyHasIsRefusedAndTheHolderNamed) {
  const Tni holder = tni("holder", "10.20.1.7");
  expect_accepted(holder);
  const Refusal taken = expect_refused(tni("late", "10.20.1.7"), Code::Conflict, "ip");
  EXPECT_EQ(taken.holder, holder.id.text);
  EXPECT_THAT(taken.what, HasSubstr("10.20.1.7 belongs to TNI holder"));
  Tni second = tni("late", "10.20.1.8");
  second.secondary = {address("10.20.1.7")};
  expect_refused(second, Code::Conflict, "secondary");
  expect_refused(tni("outside", "10.20.9.7"), Code::Usage, "ip");
}

TEST_F(Addresses, ADDR_8_HostBitsAreCleared) {
  EXPECT_EQ(prefix("100.68.0.18/18").text(), "100.68.0.0/18");
  EXPECT_EQ(prefix("2001:db8::1/32").text(), "2001:db8::/32");
}

TEST_F(Addresses, ADDR_12_AFreedAddressRests) {
  const VpcId shop = id_named<VpcId>("shop");
  const Tni gone = tni("gone", "10.20.1.7");
  expect_accepted(gone);
  const base::WallTime freed{1'000'000'000'000};
  ASSERT_TRUE(remove(gone.id, freed).ok());
  EXPECT_TRUE(state_.rests(shop, gone.ip, freed));
  EXPECT_TRUE(state_.rests(shop, gone.ip, freed + (kAddressRest - base::Duration(1))));
  EXPECT_FALSE(state_.rests(shop, gone.ip, freed + kAddressRest));
  EXPECT_GE(kAddressRest, std::chrono::seconds(60));
  EXPECT_TRUE(put({tni("named", "10.20.1.7")}, freed).ok());  // who names it gets it at once
}

TEST_F(Addresses, ADDR_14_BlocksOfASubnetDontOverlap) {
  const auto block = [](const std::string& word, const std::string& range) {
    return Block{.id = id_named<BlockId>(word),
                 .subnet = id_named<SubnetId>("shop/app"),
                 .machine = id_named<MachineId>("m"),
                 .range = prefix(range)};
  };
  expect_accepted(block("one", "10.20.1.16/28"));
  expect_accepted(block("two", "10.20.1.32/28"));
  expect_refused(block("three", "10.20.1.32/32"), Code::Conflict, "range");
  expect_refused(block("outside", "10.20.2.0/28"), Code::Usage, "range");
}

}  // namespace
}  // namespace weft::model
