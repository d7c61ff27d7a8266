// The whole data path on real namespaces: what the groups allow passes, nothing
// else does.
#include <gmock/gmock.h>

#include <thread>

#include "datapath/rig.h"
#include "os/netlink_link.h"

namespace weft::datapath {
namespace {

TEST_F(DatapathTest, OnlyWhatARuleAllowsPassesInBothFamilies) {
  const auto a = workload("a", "10.0.1.10", default_group_);
  const auto b = workload("b", "10.0.1.11", default_group_);
  EXPECT_FALSE(pings(a, "10.0.1.11"));
  allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
  EXPECT_FALSE(pings(a, "10.0.1.11"));
  const auto in4 = allow(default_group_, Direction::In, "icmp:8", default_group_);
  EXPECT_TRUE(pings(a, "10.0.1.11"));
  EXPECT_TRUE(pings(b, "10.0.1.10"));
  EXPECT_FALSE(pings(a, "fd12:3456:789a:1::11"));
  allow(default_group_, Direction::Out, "icmpv6", Prefix::any(net::Family::V6));
  allow(default_group_, Direction::In, "icmpv6:128", default_group_);
  EXPECT_TRUE(pings(a, "fd12:3456:789a:1::11"));
  run({.operations = {model::Remove{in4}}});
  EXPECT_FALSE(pings(a, "10.0.1.11"));
  EXPECT_TRUE(pings(a, "fd12:3456:789a:1::11"));
}

TEST_F(DatapathTest, ANewDaemonAdoptsWhatIsThere) {
  allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
  allow(default_group_, Direction::In, "icmp", default_group_);
  const auto a = workload("a", "10.0.1.10", default_group_);
  workload("b", "10.0.1.11", default_group_);
  ASSERT_TRUE(pings(a, "10.0.1.11"));
  const auto links = datapath_->links().read();
  datapath_.reset();
  EXPECT_TRUE(pings(a, "10.0.1.11"));  // nobody is there
  open();
  EXPECT_TRUE(pings(a, "10.0.1.11"));  // nothing was told yet
  tell_all();
  EXPECT_TRUE(pings(a, "10.0.1.11"));
  const auto now = datapath_->links().read();
  ASSERT_TRUE(links.ok() && now.ok());
  ASSERT_EQ(links->size(), now->size());
  for (size_t i = 0; i < now->size(); ++i) EXPECT_EQ((*links)[i].index, (*now)[i].index);
}

// The size of a map stands for any other layout.
TEST_F(DatapathTest, ANewDaemonWithOtherMapsKeepsTheInterfaces) {
  allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
  allow(default_group_, Direction::In, "icmp", default_group_);
  workload("gone", "10.0.1.9", default_group_);
  const auto a = workload("a", "10.0.1.10", default_group_);
  workload("b", "10.0.1.11", default_group_);
  ASSERT_TRUE(pings(a, "10.0.1.11"));
  const auto before = datapath_->links().read();
  datapath_.reset();
  most_flows_ = 8192;
  open();
  tell_all();
  EXPECT_TRUE(pings(a, "10.0.1.11"));
  EXPECT_EQ(datapath_->bpf().common.get(0)->most_flows, 8192u);
  const auto after = datapath_->links().read();
  ASSERT_TRUE(before.ok() && after.ok());
  ASSERT_EQ(before->size(), after->size());
  for (size_t i = 0; i < after->size(); ++i) EXPECT_EQ((*before)[i].index, (*after)[i].index);
}

// A flow of before may still name what is gone.
TEST_F(DatapathTest, ANewDaemonGivesThePlaceOfARuleThatWentToNobodySoon) {
  workload("a", "10.0.1.10", default_group_);
  const auto gone = allow(default_group_, Direction::Out, "tcp:80", Prefix::any(net::Family::V4));
  const auto place = datapath_->slot_of_rule(gone.number());
  ASSERT_TRUE(place);
  run({.operations = {model::Remove{gone}}});
  datapath_.reset();
  open();
  tell_all();
  const auto other = allow(default_group_, Direction::Out, "tcp:81", Prefix::any(net::Family::V4));
  EXPECT_NE(datapath_->slot_of_rule(other.number()), place);
  EXPECT_EQ(datapath_->bpf().rules.get(*place)->id, gone.number());
}

TEST_F(DatapathTest, ANewDaemonHoldsUpNoPacket) {
  allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
  allow(default_group_, Direction::In, "icmp", default_group_);
  const auto a = workload("a", "10.0.1.10", default_group_);
  for (int i = 11; i < 40; ++i) workload(fmt::format("b{}", i), fmt::format("10.0.1.{}", i), default_group_);
  ASSERT_TRUE(pings(a, "10.0.1.39"));
  const os::Fd from = netns_of(a);
  std::string said;
  std::thread pinging([&] {
    const auto done = os::run_program(
        {.argv = {"ping", "-i", "0.002", "-c", "1500", "-W", "1", "-q", "10.0.1.39"}, .netns = &from}, {});
    said = done.ok() ? done->output : done.error().what;
  });
  for (int i = 0; i < 3; ++i) {
    datapath_.reset();
    open();
    tell_all();
  }
  pinging.join();
  EXPECT_THAT(said, ::testing::HasSubstr(" 0% packet loss"));
}

// Until somebody says that there is another one.
TEST_F(DatapathTest, ANewDaemonKeepsTheGateway) {
  const auto links = datapath_->links().own().apply(
      {os::create_veth({.name = "gw1", .index = 4000, .peer = {.name = "in", .index = 4001}})});
  ASSERT_TRUE(links.ok()) << links.error().what;
  ASSERT_TRUE(datapath_->set_gateway(vpc_, 4000).ok());
  datapath_.reset();
  open();
  tell_all();
  const uint32_t slot = *datapath_->slot_of(vpc_);
  EXPECT_EQ(datapath_->bpf().vpcs.get(slot)->gateway, 4000u);
  ASSERT_TRUE(datapath_->set_gateway(vpc_, 4000).ok());
  EXPECT_TRUE(datapath_->heal(state_, clocks()).empty());
  ASSERT_TRUE(datapath_->set_gateway(vpc_, 0).ok());
  EXPECT_EQ(datapath_->bpf().vpcs.get(slot)->gateway, 0u);
}

}  // namespace
}  // namespace weft::datapath
