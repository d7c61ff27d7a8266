// Route tables, gateways and network ACLs.
#include "model/flow_judge.h"
#include "test/contract/world.h"

namespace weft::model {
namespace {

using base::Code;

// An application in one subnet, a database in another, and something that may stand
// between them in a third. Every group lets everything pass: only borders say no.
class Borders : public World {
 protected:
  Borders() {
    expect_accepted(subnet("db", "10.20.2.0/24", "fd20:0:0:2::/64"));
    expect_accepted(subnet("middle", "10.20.3.0/24"));
    for (const char* name : {"web", "data", "wall", "near"}) expect_accepted(workload(name));
    expect_accepted(attached(tni("web", "10.20.1.7"), "web"));
    expect_accepted(attached(tni("near", "10.20.1.8"), "near"));
    expect_accepted(attached(tni("data", "10.20.2.9", "db"), "data"));
    Tni wall = attached(tni("wall", "10.20.3.5", "middle"), "wall");
    wall.source_check = SourceCheck::Off;
    expect_accepted(wall);
    for (const Direction direction : {Direction::In, Direction::Out}) {
      expect_accepted(rule(direction == Direction::In ? 1 : 2, "default", direction, "all", prefix("0.0.0.0/0")));
    }
  }

  Tni named(const std::string& name) const { return state_.get(id_named<TniId>("shop/" + name)); }
  Vpc shop() const { return state_.get(id_named<VpcId>("shop")); }
  Subnet of(const std::string& name) const { return state_.get(id_named<SubnetId>("shop/" + name)); }
  RouteTable table(const std::string& name) const {
    return {.id = id_named<RouteTableId>(name), .name = name, .vpc = id_named<VpcId>("shop")};
  }
  Route route(const RouteTableId& in, const std::string& to, RouteTarget target) const {
    return {.id = id_named<RouteId>(in.text + to), .table = in, .destination = prefix(to), .target = std::move(target)};
  }
  Acl acl(const std::string& name) const {
    return {.id = id_named<AclId>(name), .name = name, .vpc = id_named<VpcId>("shop")};
  }
  AclRule acl_rule(const std::string& of_acl, Direction direction, uint16_t number, Action action,
                   const std::string& traffic, const std::string& peer) const {
    return {.id = AclRuleId::of(number + (direction == Direction::In ? 0u : 100'000u)),
            .acl = id_named<AclId>(of_acl),
            .direction = direction,
            .number = number,
            .action = action,
            .traffic = *Traffic::parse(traffic),
            .prefix = prefix(peer)};
  }
  void attach(Internet Vpc::*gateway) {
    Vpc vpc = shop();
    vpc.*gateway = Internet::Attached;
    expect_accepted(vpc);
  }

  Verdict verdict(const std::string& from, const std::string& to, uint16_t port = 80) const {
    return judge(state_, {},
                 {.vpc = id_named<VpcId>("shop"),
                  .sender = named(from).id,
                  .source = named(from).ip,
                  .target = address(to),
                  .protocol = kTcp,
                  .selector = port});
  }
  Verdict from_outside(const std::string& to) const {
    return judge(state_, {},
                 {.vpc = id_named<VpcId>("shop"),
                  .sender = {},
                  .source = address("198.51.100.7"),
                  .target = named(to).ip,
                  .protocol = kTcp,
                  .selector = 80});
  }
};

TEST_F(Borders, ADDR_11_NoRouteLeadsIntoTheServices) {
  expect_refused(route(shop().main_table, "169.254.169.0/24", Way::Blackhole), Code::Usage, "destination");
  expect_refused(route(shop().main_table, "fd00:ec2::254", Way::Blackhole), Code::Usage, "destination");
  expect_accepted(route(shop().main_table, "169.254.0.0/16", Way::Blackhole));
}

TEST_F(Borders, RT_3_ASubnetWithoutATableUsesTheMainOneWhichCanBeReplaced) {
  attach(&Vpc::internet);
  expect_accepted(route(shop().main_table, "0.0.0.0/0", Way::Internet));
  EXPECT_EQ(verdict("web", "198.51.100.7").reason, Reason::RuleMatch);
  EXPECT_EQ(verdict("data", "198.51.100.7").reason, Reason::RuleMatch);
  expect_accepted(table("own"));
  Subnet app = of("app");
  app.table = table("own").id;
  expect_accepted(app);
  EXPECT_EQ(verdict("web", "198.51.100.7").reason, Reason::NoRoute);
  EXPECT_EQ(verdict("data", "198.51.100.7").reason, Reason::RuleMatch);

  const RouteTableId first = shop().main_table;
  EXPECT_EQ(remove(first).error().code, Code::Conflict);
  Vpc vpc = shop();
  vpc.main_table = table("own").id;
  expect_accepted(vpc);
  EXPECT_EQ(verdict("data", "198.51.100.7").reason, Reason::NoRoute);
  ASSERT_TRUE(remove(route(first, "0.0.0.0/0", Way::Internet).id).ok());
  EXPECT_TRUE(remove(first).ok());
  EXPECT_EQ(remove(table("own").id).error().holder, app.id.text);
}

TEST_F(Borders, RT_4_LocalRoutesStayAndWhatIsMoreSpecificIsForAWholeSubnet) {
  const RouteTableId main = shop().main_table;
  expect_refused(route(main, "10.20.0.0/16", Way::Blackhole), Code::Conflict, "destination");
  expect_refused(route(main, "10.20.2.0/25", named("wall").id), Code::Usage, "destination");
  expect_refused(route(main, "10.20.2.0/24", Way::Blackhole), Code::Usage, "target");
  expect_accepted(route(main, "10.20.2.0/24", named("wall").id));
  EXPECT_EQ(verdict("web", "10.20.2.9").target, named("wall").id);
  // Around them a route changes nothing.
  expect_accepted(route(main, "10.0.0.0/8", Way::Blackhole));
  EXPECT_EQ(verdict("web", "10.20.3.5").reason, Reason::RuleMatch);
  EXPECT_EQ(verdict("web", "10.21.0.1").reason, Reason::Blackhole);
  // A range that would swallow a route is refused.
  expect_accepted(route(main, "10.40.1.0/24", Way::Blackhole));
  Vpc wider = shop();
  wider.cidrs.push_back(prefix("10.40.0.0/16"));
  expect_refused(wider, Code::Usage, "destination");
}

TEST_F(Borders, RT_4_WhatIsBesideTheSenderDoesNotAskTheTable) {
  expect_accepted(route(shop().main_table, "10.20.1.0/24", named("wall").id));
  EXPECT_EQ(verdict("web", "10.20.1.8").target, named("near").id);
  EXPECT_EQ(verdict("data", "10.20.1.8").target, named("wall").id);
}

TEST_F(Borders, RT_5_TheLongestPrefixWinsAndAPrefixBeforeAList) {
  attach(&Vpc::internet);
  const RouteTableId main = shop().main_table;
  expect_accepted(route(main, "0.0.0.0/0", Way::Internet));
  expect_accepted(route(main, "198.51.100.0/24", Way::Blackhole));
  expect_accepted(route(main, "198.51.100.8/32", Way::Internet));
  EXPECT_EQ(verdict("web", "198.51.100.7").reason, Reason::Blackhole);
  EXPECT_EQ(verdict("web", "198.51.100.8").reason, Reason::RuleMatch);
  EXPECT_EQ(verdict("web", "203.0.113.1").reason, Reason::RuleMatch);
  const PrefixList list{.id = id_named<PrefixListId>("list"),
                        .name = "list",
                        .prefixes = {prefix("10.20.2.0/24"), prefix("198.51.100.8/32"), prefix("203.0.113.0/24")}};
  expect_accepted(list);
  Route by_list = route(main, "192.0.2.0/24", Way::Blackhole);
  by_list.destination = list.id;
  expect_accepted(by_list);
  EXPECT_EQ(verdict("web", "198.51.100.8").reason, Reason::RuleMatch);
  EXPECT_EQ(verdict("web", "203.0.113.1").reason, Reason::Blackhole);
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::RuleMatch);
  EXPECT_EQ(remove(list.id).error().code, Code::Conflict);
}

TEST_F(Borders, RT_6_WhatItsTargetLeftIsABlackhole) {
  const RouteTableId main = shop().main_table;
  expect_refused(route(main, "0.0.0.0/0", Way::Internet), Code::NotFound, "target");
  expect_refused(route(main, "::/0", Way::EgressOnly), Code::NotFound, "target");
  attach(&Vpc::internet);
  expect_accepted(route(main, "0.0.0.0/0", Way::Internet));
  Vpc closed = shop();
  closed.internet = Internet::None;
  expect_accepted(closed);
  EXPECT_EQ(verdict("web", "198.51.100.7").reason, Reason::Blackhole);

  expect_accepted(route(main, "10.20.2.0/24", named("wall").id));
  Tni wall = named("wall");
  wall.workload = {};
  expect_accepted(wall);
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::Blackhole);
  ASSERT_TRUE(remove(wall.id).ok());
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::Blackhole);
}

TEST_F(Borders, RT_7_OnlyPublicSubnetsAreReachedFromOutside) {
  attach(&Vpc::internet);
  EXPECT_FALSE(is_public(state_, of("app")));
  EXPECT_EQ(from_outside("web").reason, Reason::NoRoute);
  expect_accepted(table("public"));
  expect_accepted(route(table("public").id, "0.0.0.0/0", Way::Internet));
  Subnet app = of("app");
  app.table = table("public").id;
  expect_accepted(app);
  EXPECT_TRUE(is_public(state_, of("app")));
  EXPECT_EQ(from_outside("web").reason, Reason::RuleMatch);
  EXPECT_EQ(from_outside("data").reason, Reason::NoRoute);
}

TEST_F(Borders, RT_8_AnApplianceTakesWhatIsNotItsOwnAndGroupsEndAtIt) {
  expect_accepted(route(shop().main_table, "10.20.2.0/24", named("wall").id));
  const Verdict first = verdict("web", "10.20.2.9");
  EXPECT_EQ(first.reason, Reason::RuleMatch);
  EXPECT_EQ(first.target, named("wall").id);
  EXPECT_EQ(first.stand_in, named("wall").id);

  // From group to group: what stands between has another.
  expect_accepted(group("shop", "apps"));
  expect_accepted(group("shop", "walls"));
  Tni web = named("web"), wall = named("wall");
  web.groups = {group_id("shop", "apps")};
  wall.groups = {group_id("shop", "walls")};
  expect_accepted(web);
  expect_accepted(wall);
  expect_accepted(rule(10, "apps", Direction::Out, "all", group_id("shop", "default")));
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::EgressDenied);
  expect_accepted(rule(11, "apps", Direction::Out, "all", prefix("10.20.2.0/24")));
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::IngressDenied);
  EXPECT_EQ(verdict("web", "10.20.2.9").denier, wall.id);
  // Between the sender and what stands there nothing does.
  expect_accepted(rule(12, "walls", Direction::In, "all", group_id("shop", "apps")));
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::RuleMatch);

  wall.source_check = SourceCheck::On;
  expect_accepted(wall);
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::SourceCheck);
}

TEST_F(Borders, RT_9_WhatTheGatewayBringsGoesByItsTable) {
  attach(&Vpc::internet);
  expect_accepted(route(shop().main_table, "0.0.0.0/0", Way::Internet));
  expect_accepted(table("edge"));
  expect_accepted(route(table("edge").id, "10.20.1.0/24", named("wall").id));
  EXPECT_EQ(from_outside("web").target, named("web").id);
  Vpc vpc = shop();
  vpc.gateway_table = table("edge").id;
  expect_accepted(vpc);
  EXPECT_EQ(from_outside("web").target, named("wall").id);
  EXPECT_EQ(from_outside("data").target, named("data").id);
  EXPECT_EQ(remove(table("edge").id).error().code, Code::Conflict);
}

TEST_F(Borders, ACL_1_TheLowestNumberThatMatchesDecides) {
  expect_accepted(acl("a"));
  for (const Direction direction : {Direction::In, Direction::Out}) {
    expect_accepted(acl_rule("a", direction, 30, Action::Allow, "all", "0.0.0.0/0"));
  }
  Subnet db = of("db");
  db.acl = acl("a").id;
  expect_accepted(db);
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::RuleMatch);
  expect_accepted(acl_rule("a", Direction::In, 20, Action::Deny, "tcp:80", "10.20.1.0/24"));
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::AclDenied);
  EXPECT_EQ(verdict("web", "10.20.2.9").acl_rule, AclRuleId::of(20));
  EXPECT_EQ(verdict("web", "10.20.2.9", 81).reason, Reason::RuleMatch);
  expect_accepted(acl_rule("a", Direction::In, 10, Action::Allow, "tcp:80", "10.20.1.7/32"));
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::RuleMatch);
  for (const uint16_t number : {uint16_t{0}, uint16_t{32767}}) {
    expect_refused(acl_rule("a", Direction::In, number, Action::Allow, "all", "::/0"), Code::Usage, "number");
  }
  AclRule twin = acl_rule("a", Direction::In, 10, Action::Deny, "all", "::/0");
  twin.id = AclRuleId::of(999);
  expect_refused(twin, Code::Conflict, "number");
}

TEST_F(Borders, ACL_2_OnlyWhatCrossesABorderIsAsked) {
  expect_accepted(acl("closed"));
  Subnet app = of("app");
  app.acl = acl("closed").id;
  expect_accepted(app);
  EXPECT_EQ(verdict("web", "10.20.1.8").reason, Reason::RuleMatch);
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::AclDenied);
  EXPECT_EQ(verdict("data", "10.20.1.8").reason, Reason::AclDenied);
  const Opening query{.vpc = shop().id,
                      .sender = named("web").id,
                      .source = named("web").ip,
                      .target = address("10.20.1.2"),
                      .protocol = kUdp,
                      .selector = 53};
  EXPECT_EQ(judge(state_, {}, query).reason, Reason::Resolver);
}

TEST_F(Borders, ACL_3_TheDefaultOneAllowsEverythingANewOneNothing) {
  EXPECT_EQ(state_.acl_of(of("app")).id, shop().default_acl);
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::RuleMatch);
  expect_accepted(acl("new"));
  for (const char* name : {"app", "db"}) {
    Subnet subnet = of(name);
    subnet.acl = acl("new").id;
    expect_accepted(subnet);
  }
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::AclDenied);
  EXPECT_TRUE(verdict("web", "10.20.2.9").acl_rule.empty());
  EXPECT_EQ(remove(acl("new").id).error().code, Code::Conflict);
  EXPECT_EQ(remove(shop().default_acl).error().code, Code::Conflict);
}

TEST_F(Borders, ACL_4_AChangeIsSeenByTheNextPacketOfAnOpenFlowAndAnswersAreAsked) {
  FlowJudge flows({.most_flows = 16});
  const Socket web{named("web").ip, 40000}, data{named("data").ip, 80};
  const auto there = [&] {
    return flows.step(
        state_, {},
        {.vpc = shop().id, .sender = named("web").id, .source = web, .target = data, .protocol = kUdp, .selector = 80});
  };
  const auto back = [&] {
    return flows.step(state_, {},
                      {.vpc = shop().id,
                       .sender = named("data").id,
                       .source = data,
                       .target = web,
                       .protocol = kUdp,
                       .selector = 40000});
  };
  EXPECT_EQ(there().reason, Reason::RuleMatch);
  EXPECT_EQ(back().reason, Reason::Established);
  expect_accepted(acl("a"));
  expect_accepted(acl_rule("a", Direction::In, 10, Action::Allow, "udp:80", "10.20.1.0/24"));
  Subnet db = of("db");
  db.acl = acl("a").id;
  expect_accepted(db);
  EXPECT_EQ(there().reason, Reason::Established);
  EXPECT_EQ(back().reason, Reason::AclDenied);
  expect_accepted(acl_rule("a", Direction::Out, 10, Action::Allow, "udp:1024-65535", "10.20.1.0/24"));
  EXPECT_EQ(back().reason, Reason::Established);
  ASSERT_TRUE(remove(acl_rule("a", Direction::In, 10, Action::Allow, "udp:80", "10.20.1.0/24").id).ok());
  EXPECT_EQ(there().reason, Reason::AclDenied);
  EXPECT_EQ(back().reason, Reason::Established);
}

TEST_F(Borders, JUDGE_2_OutOfTheSendersSubnetFirstAndGroupsOfTheTargetLast) {
  expect_accepted(acl("a"));
  expect_accepted(acl("b"));
  Subnet app = of("app"), db = of("db");
  app.acl = acl("a").id;
  db.acl = acl("b").id;
  expect_accepted(app);
  expect_accepted(db);
  const auto crossing = [&] {
    const Tni web = named("web"), data = named("data");
    return refused_at_border(
        state_, {.from = &web, .to = &data, .source = web.ip, .target = data.ip, .protocol = kTcp, .selector = 80});
  };
  EXPECT_EQ(crossing(), (model::Refusal{.acl = acl("a").id, .direction = Direction::Out}));
  expect_accepted(acl_rule("a", Direction::Out, 10, Action::Allow, "tcp", "10.20.2.0/24"));
  EXPECT_EQ(crossing(), (model::Refusal{.acl = acl("b").id, .direction = Direction::In}));
  // The ACL says no before the target's groups are asked.
  expect_accepted(group("shop", "closed"));
  Tni data = named("data");
  data.groups = {group_id("shop", "closed")};
  expect_accepted(data);
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::AclDenied);
  expect_accepted(acl_rule("b", Direction::In, 20, Action::Allow, "tcp:80", "10.20.1.0/24"));
  EXPECT_EQ(verdict("web", "10.20.2.9").reason, Reason::IngressDenied);
}

TEST_F(Borders, GW_9_EgressOnlyLetsNothingIn) {
  Vpc vpc = shop();
  vpc.cidr6 = prefix("2001:db8:5::/56");
  Subnet app = of("app"), db = of("db");
  app.cidr6 = prefix("2001:db8:5:1::/64");
  db.cidr6 = {};
  Tni web = named("web");
  web.ip6 = address("2001:db8:5:1::7");
  vpc.egress_only = Internet::Attached;
  ASSERT_TRUE(put({vpc, app, db, web}).ok());
  expect_refused(route(vpc.main_table, "0.0.0.0/0", Way::EgressOnly), Code::Usage, "target");
  expect_accepted(route(vpc.main_table, "::/0", Way::EgressOnly));
  expect_accepted(rule(20, "default", Direction::In, "all", prefix("::/0")));
  expect_accepted(rule(21, "default", Direction::Out, "all", prefix("::/0")));
  Opening opening{.vpc = vpc.id,
                  .sender = web.id,
                  .source = *web.ip6,
                  .target = address("2001:db8:9::1"),
                  .protocol = kTcp,
                  .selector = 80};
  EXPECT_EQ(judge(state_, {}, opening).reason, Reason::RuleMatch);
  opening.sender = {};
  std::swap(opening.source, opening.target);
  EXPECT_EQ(judge(state_, {}, opening).reason, Reason::NoRoute);
}

}  // namespace
}  // namespace weft::model
