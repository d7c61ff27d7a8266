#include "test/contract/world.h"

namespace weft::model {
namespace {

using base::Code;

class Interfaces : public World {
 protected:
  Interfaces() {
    expect_accepted(workload("web"));
    expect_accepted(workload("other"));
  }
  Opening opening(const Tni& sender, const char* source, const char* target) const {
    return {.vpc = sender.vpc,
            .sender = sender.id,
            .source = address(source),
            .target = address(target),
            .protocol = kTcp,
            .selector = 80};
  }
  Reason reason(const Opening& opening) const { return judge(state_, {}, opening).reason; }
};

TEST_F(Interfaces, TNI_1_OneSubnetOneToSixteenGroups) {
  Tni none = tni("none", "10.20.1.7");
  none.groups = {};
  expect_refused(none, Code::Usage, "groups");
  Tni twice = tni("twice", "10.20.1.7");
  twice.groups = {group_id("shop", "default"), group_id("shop", "default")};
  expect_refused(twice, Code::Usage, "groups");
  add_vpc("foreign", {"10.30.0.0/16"});
  Tni foreign = tni("foreign", "10.20.1.7");
  foreign.groups = {group_id("foreign", "default")};
  expect_refused(foreign, Code::NotFound, "groups");
}

TEST_F(Interfaces, TNI_2_SendsFromItsOwnAddressesUnlessItMayDoOtherwise) {
  Tni sender = attached(tni("sender", "10.20.1.7"), "web");
  sender.secondary = {address("10.20.1.8")};
  expect_accepted(sender);
  expect_accepted(attached(tni("target", "10.20.1.9"), "other"));
  EXPECT_NE(reason(opening(sender, "10.20.1.7", "10.20.1.9")), Reason::SourceCheck);
  EXPECT_NE(reason(opening(sender, "10.20.1.8", "10.20.1.9")), Reason::SourceCheck);
  EXPECT_EQ(reason(opening(sender, "10.20.1.9", "10.20.1.9")), Reason::SourceCheck);
  EXPECT_EQ(reason(opening(sender, "192.0.2.1", "10.20.1.9")), Reason::SourceCheck);
  sender.source_check = SourceCheck::Off;
  expect_accepted(sender);
  EXPECT_NE(reason(opening(sender, "192.0.2.1", "10.20.1.9")), Reason::SourceCheck);
}

TEST_F(Interfaces, TNI_3_OneWorkloadOrNoneAndItOutlivesIt) {
  const Tni free = tni("free", "10.20.1.7");
  expect_accepted(free);
  expect_accepted(attached(free, "web"));
  EXPECT_EQ(remove(workload("web").id).error().code, Code::Conflict);  // it has an interface
  EXPECT_EQ(remove(free.id).error().code, Code::Conflict);             // it is attached
  expect_accepted(free);
  EXPECT_TRUE(remove(workload("web").id).ok());
  EXPECT_NE(state_.find(free.id), nullptr);
}

TEST_F(Interfaces, TNI_4_MovesWithAllThatItOwns) {
  const Tni before = attached(tni("db", "10.20.1.7"), "web");
  expect_accepted(before);
  Tni after = before;
  after.workload = workload("other").id;
  after.epoch = before.epoch + 1;
  expect_accepted(after);
  EXPECT_EQ(state_.holder_of(before.vpc, before.ip)->id, before.id);
  EXPECT_TRUE(state_.tnis_of(workload("web").id).empty());
  EXPECT_EQ(state_.get(before.id).mac, before.mac);
  EXPECT_EQ(state_.get(before.id).groups, before.groups);
}

TEST_F(Interfaces, TNI_7_EachIsAnotherDevice) {
  expect_accepted(attached(tni("first", "10.20.1.7"), "web", 0));
  expect_accepted(attached(tni("second", "10.20.1.8"), "web", 1));
  expect_refused(attached(tni("third", "10.20.1.9"), "web", 1), Code::Conflict, "device");
}

TEST_F(Interfaces, TNI_8_OverlappingSubnetsOfDifferentVpcsAreNotInOneWorkload) {
  add_vpc("twin", {"10.20.0.0/16"});
  expect_accepted(subnet("app", "10.20.1.0/25", "", "twin"));
  expect_accepted(subnet("apart", "10.20.2.0/24", "", "twin"));
  expect_accepted(attached(tni("here", "10.20.1.7"), "web", 0));
  expect_refused(attached(tni("there", "10.20.1.7", "app", "twin"), "web", 1), Code::Conflict, "workload");
  expect_accepted(attached(tni("there", "10.20.2.7", "apart", "twin"), "web", 1));
}

TEST_F(Interfaces, RT_2_WhatLeadsNowhereIsDroppedUnderItsReason) {
  const Tni sender = attached(tni("sender", "10.20.1.7"), "web");
  expect_accepted(sender);
  expect_accepted(tni("detached", "10.20.1.9"));
  expect_accepted(rule(1, "default", Direction::Out, "all", prefix("0.0.0.0/0")));
  EXPECT_EQ(reason(opening(sender, "10.20.1.7", "10.20.1.9")), Reason::NoEndpoint);
  EXPECT_EQ(reason(opening(sender, "10.20.1.7", "10.20.200.9")), Reason::NoEndpoint);
  EXPECT_EQ(reason(opening(sender, "10.20.1.7", "192.0.2.9")), Reason::NoRoute);
}

TEST_F(Interfaces, JUDGE_1_GroupsAreAskedBeforeTheWay) {
  const Tni sender = attached(tni("sender", "10.20.1.7"), "web");
  expect_accepted(sender);
  EXPECT_EQ(reason(opening(sender, "10.20.1.8", "10.20.1.9")), Reason::SourceCheck);
  EXPECT_EQ(reason(opening(sender, "10.20.1.7", "10.20.1.9")), Reason::EgressDenied);
  EXPECT_EQ(reason(opening(sender, "10.20.1.7", "192.0.2.9")), Reason::EgressDenied);
}

TEST_F(Interfaces, GW_1_WithoutAnInternetGatewayNothingLeaves) {
  const Tni sender = attached(tni("sender", "10.20.1.7"), "web");
  expect_accepted(sender);
  expect_accepted(rule(1, "default", Direction::Out, "all", prefix("0.0.0.0/0")));
  EXPECT_EQ(reason(opening(sender, "10.20.1.7", "192.0.2.9")), Reason::NoRoute);
  Vpc open = state_.get(id_named<VpcId>("shop"));
  open.internet = Internet::Attached;
  expect_accepted(open);
  EXPECT_EQ(reason(opening(sender, "10.20.1.7", "192.0.2.9")), Reason::NoRoute);
  expect_accepted(Route{
      .id = RouteId::of(1), .table = open.main_table, .destination = prefix("0.0.0.0/0"), .target = Way::Internet});
  EXPECT_EQ(reason(opening(sender, "10.20.1.7", "192.0.2.9")), Reason::RuleMatch);
}

}  // namespace
}  // namespace weft::model
