#include "test/contract/world.h"

namespace weft::model {
namespace {

using base::Code;

// A client that may send everything, and a server that nobody may reach yet.
class Groups : public World {
 protected:
  Groups() {
    for (const char* name : {"clients", "servers", "extra"}) expect_accepted(group("shop", name));
    for (const char* name : {"client", "server"}) expect_accepted(workload(name));
    client_ = attached(tni("client", "10.20.1.7"), "client");
    client_.groups = {group_id("shop", "clients")};
    server_ = attached(tni("server", "10.20.1.8"), "server");
    server_.groups = {group_id("shop", "servers"), group_id("shop", "extra")};
    std::sort(server_.groups.begin(), server_.groups.end());
    expect_accepted(client_);
    expect_accepted(server_);
    expect_accepted(rule(100, "clients", Direction::Out, "all", prefix("0.0.0.0/0")));
  }
  Verdict verdict(uint8_t protocol = kTcp, uint16_t selector = 80, base::WallTime now = {}) const {
    return judge(state_, now,
                 {.vpc = client_.vpc,
                  .sender = client_.id,
                  .source = client_.ip,
                  .target = server_.ip,
                  .protocol = protocol,
                  .selector = selector});
  }

  Tni client_, server_;
};

TEST_F(Groups, SG_1_TheUnionOfAllGroupsCounts) {
  EXPECT_EQ(verdict().reason, Reason::IngressDenied);
  expect_accepted(rule(1, "servers", Direction::In, "udp:80", prefix("0.0.0.0/0")));
  EXPECT_EQ(verdict().reason, Reason::IngressDenied);
  expect_accepted(rule(2, "extra", Direction::In, "tcp:80", prefix("0.0.0.0/0")));
  EXPECT_EQ(verdict().reason, Reason::RuleMatch);
  EXPECT_EQ(verdict().rule, RuleId::of(2));
  ASSERT_TRUE(remove(RuleId::of(100)).ok());
  EXPECT_EQ(verdict().reason, Reason::EgressDenied);
  EXPECT_EQ(verdict().denier, client_.id);
}

TEST_F(Groups, SG_3_ProtocolPortsAndPeer) {
  struct Case {
    const char* traffic;
    uint8_t protocol;
    uint16_t selector;
    bool allowed;
  };
  const Case cases[] = {
      {"tcp:80", kTcp, 80, true},
      {"tcp:80", kTcp, 81, false},
      {"tcp:80-90", kTcp, 90, true},
      {"tcp:80-90", kTcp, 91, false},
      {"tcp", kTcp, 65535, true},
      {"tcp", kUdp, 80, false},
      {"icmp:8", kIcmp, 8 << 8 | 7, true},
      {"icmp:8/0", kIcmp, 8 << 8 | 7, false},
      {"47", 47, 0, true},
      {"all", 132, 0, true},
  };
  uint64_t number = 1;
  for (const Case& each : cases) {
    expect_accepted(rule(number, "servers", Direction::In, each.traffic, prefix("10.20.1.7/32")));
    EXPECT_EQ(verdict(each.protocol, each.selector).reason == Reason::RuleMatch, each.allowed) << each.traffic;
    ASSERT_TRUE(remove(RuleId::of(number++)).ok());
  }
  expect_accepted(rule(number, "servers", Direction::In, "all", prefix("10.20.1.0/30")));
  EXPECT_EQ(verdict().reason, Reason::IngressDenied);
  const PrefixList list{.id = id_named<PrefixListId>("office"), .name = "office", .prefixes = {prefix("10.20.1.7/32")}};
  expect_accepted(list);
  expect_accepted(rule(number, "servers", Direction::In, "all", list.id));
  EXPECT_EQ(verdict().reason, Reason::RuleMatch);
  EXPECT_EQ(remove(list.id).error().code, Code::Conflict);
}

TEST_F(Groups, SG_4_AGroupAsPeerIsItsMembersNowAndLater) {
  expect_accepted(rule(1, "servers", Direction::In, "tcp:80", group_id("shop", "clients")));
  EXPECT_EQ(verdict().reason, Reason::RuleMatch);
  client_.groups = {group_id("shop", "default")};
  expect_accepted(rule(2, "default", Direction::Out, "all", prefix("0.0.0.0/0")));
  expect_accepted(client_);
  EXPECT_EQ(verdict().reason, Reason::IngressDenied);
  client_.groups = {group_id("shop", "clients")};
  expect_accepted(client_);
  EXPECT_EQ(verdict().reason, Reason::RuleMatch);
  EXPECT_EQ(remove(group_id("shop", "clients")).error().code, Code::Conflict);
  add_vpc("foreign", {"10.20.0.0/16"});
  expect_refused(rule(3, "servers", Direction::In, "all", group_id("foreign", "default")), Code::Usage, "peer");
}

TEST_F(Groups, SG_4_AMemberCountsWhileItIsAttached) {
  ASSERT_TRUE(remove(RuleId::of(100)).ok());
  expect_accepted(rule(1, "clients", Direction::Out, "all", group_id("shop", "servers")));
  expect_accepted(rule(2, "servers", Direction::In, "all", prefix("0.0.0.0/0")));
  EXPECT_EQ(verdict().reason, Reason::RuleMatch);
  server_.workload = {};
  expect_accepted(server_);
  EXPECT_EQ(verdict().reason, Reason::EgressDenied);
  expect_accepted(rule(3, "clients", Direction::Out, "all", prefix("0.0.0.0/0")));
  EXPECT_EQ(verdict().reason, Reason::NoEndpoint);
  EXPECT_TRUE(verdict().target.empty());
}

TEST_F(Groups, SG_10_ARuleEndsByItself) {
  Rule passing = rule(1, "servers", Direction::In, "tcp:80", prefix("0.0.0.0/0"));
  passing.until = base::WallTime{1000};
  expect_accepted(passing);
  EXPECT_EQ(verdict(kTcp, 80, base::WallTime{999}).reason, Reason::RuleMatch);
  EXPECT_EQ(verdict(kTcp, 80, base::WallTime{1000}).reason, Reason::IngressDenied);
}

TEST_F(Groups, SG_11_AnAuditAllowsNothing) {
  Rule audit = rule(1, "servers", Direction::In, "tcp:80", prefix("0.0.0.0/0"));
  audit.mode = Mode::Audit;
  expect_accepted(audit);
  EXPECT_EQ(verdict().reason, Reason::IngressDenied);
}

TEST_F(Groups, SG_12_TheLowestIdIsNamed) {
  expect_accepted(rule(7, "servers", Direction::In, "tcp:80", prefix("0.0.0.0/0")));
  expect_accepted(rule(5, "extra", Direction::In, "all", group_id("shop", "clients")));
  expect_accepted(rule(6, "servers", Direction::In, "tcp", prefix("10.20.1.0/24")));
  EXPECT_EQ(verdict().rule, RuleId::of(5));
}

TEST_F(Groups, SG_14_NoGroupBlocksTheResolver) {
  ASSERT_TRUE(remove(RuleId::of(100)).ok());
  for (const char* resolver : {"10.20.1.2", "169.254.169.253"}) {
    Opening query{.vpc = client_.vpc,
                  .sender = client_.id,
                  .source = client_.ip,
                  .target = address(resolver),
                  .protocol = kUdp,
                  .selector = 53};
    EXPECT_EQ(judge(state_, {}, query).reason, Reason::Resolver) << resolver;
    query.selector = 80;
    EXPECT_NE(outcome_of(judge(state_, {}, query).reason), Outcome::Allow) << resolver;
  }
}

}  // namespace
}  // namespace weft::model
