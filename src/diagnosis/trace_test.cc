#include "diagnosis/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "diagnosis/testing.h"
#include "diagnosis/trace_packet.h"

namespace weft::diagnosis {
namespace {

using model::Direction;
using ::testing::HasSubstr;

class TraceTest : public ::testing::Test {
 protected:
  api::TraceQuery query(api::TraceEnd source, api::TraceEnd target, uint16_t port) const {
    return {.vpc = world_.shop, .source = source, .target = target, .selector = port};
  }
  // The trace as a story: a line a step, then the verdict.
  std::string tell(const api::TraceQuery& query) const {
    const auto traced = trace(world_.state, world_.now, world_.around, query);
    if (!traced.ok()) return traced.error().what;
    const api::Trace& found = *traced;
    std::string text;
    for (const api::TraceStep& step : found.steps) {
      text += fmt::format("{} {}: {}{}\n", step.verdict == api::Verdict::Allow ? "ALLOW" : "DENY", step.step, step.what,
                          step.rule.empty() ? "" : " [" + step.rule + "]");
    }
    return text +
           fmt::format("{} {} {}\n", found.verdict == api::Verdict::Allow ? "ALLOW" : "DENY", found.reason, found.rule);
  }

  World world_;
};

TEST_F(TraceTest, TheApplicationReachesTheDatabase) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  world_.allow(2, world_.data, Direction::In, "tcp:5432", world_.front, "the application's queries");
  EXPECT_EQ(tell(query(world_.web, world_.db, 5432)),
            "ALLOW source check: 10.0.1.4 is web's own\n"
            "ALLOW egress of web: group front allows all to 0.0.0.0/0 [sgr-0000000000000001]\n"
            "ALLOW route: 10.0.1.5 is db's, inside shop\n"
            "ALLOW ingress of db: group data allows tcp:5432 from sg:front 'the application's queries' "
            "[sgr-0000000000000002]\n"
            "ALLOW deliver: to eth0 of workload db\n"
            "ALLOW rule sgr-0000000000000002\n");
}

TEST_F(TraceTest, ADenialNamesTheRulesThatNearlyAllowedIt) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  world_.allow(2, world_.data, Direction::In, "tcp:5432", world_.data);
  world_.allow(3, world_.data, Direction::In, "tcp:80-90", world_.front);
  model::Rule ended = world_.state.get(world_.allow(4, world_.data, Direction::In, "tcp", world_.front));
  ended.until = *base::parse_time("2026-11-20T09:00:00Z");
  model::Rule audit = world_.state.get(world_.allow(5, world_.data, Direction::In, "all", prefix("10.0.0.0/8")));
  audit.mode = model::Mode::Audit;
  world_.put({ended, audit});
  world_.allow(6, world_.data, Direction::In, "udp:53", prefix("192.0.2.0/24"));
  EXPECT_EQ(tell(query(world_.web, world_.db, 5432)),
            "ALLOW source check: 10.0.1.4 is web's own\n"
            "ALLOW egress of web: group front allows all to 0.0.0.0/0 [sgr-0000000000000001]\n"
            "ALLOW route: 10.0.1.5 is db's, inside shop\n"
            "DENY ingress of db: no rule allows tcp:5432 from 10.0.1.4; group data: none of 5 ingress rules; nearest: "
            "sgr-0000000000000005 allows all from 10.0.0.0/8, but is an audit: it only counts, "
            "sgr-0000000000000004 allows tcp from sg:front, but ended at 2026-11-20T09:00:00Z, "
            "sgr-0000000000000003 allows tcp:80-90 from sg:front\n"
            "DENY ingress-denied \n");
}

TEST_F(TraceTest, EachGroupOfTheInterfaceIsNamed) {
  world_.allow(1, world_.front, Direction::Out, "tcp", world_.data);
  model::Tni both = world_.state.get(world_.web);
  both.groups = {world_.front, world_.data};
  world_.put({both});
  EXPECT_THAT(tell(query(world_.web, world_.db, 22)),
              HasSubstr("ALLOW egress of web: group front allows tcp to sg:data; group data: none of 0 egress rules"));
  world_.remove(model::RuleId::of(1));
  EXPECT_THAT(tell(query(world_.web, world_.db, 22)),
              HasSubstr("DENY egress of web: no rule allows tcp:22 to 10.0.1.5; group front: no egress rules; "
                        "group data: no egress rules\nDENY egress-denied"));
}

TEST_F(TraceTest, GroupsAreAskedBeforeTheWay) {
  EXPECT_THAT(tell(query(world_.web, address("10.0.1.99"), 80)), HasSubstr("DENY egress-denied"));
  world_.allow(3, world_.front, Direction::Out, "all", world_.data);
  EXPECT_THAT(tell(query(world_.web, world_.idle, 80)),
              HasSubstr("10.0.1.6 is idle's, which is attached to no workload: its groups don't count\n"
                        "DENY egress-denied"));
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  EXPECT_EQ(tell(query(world_.web, address("10.0.1.99"), 80)),
            "ALLOW source check: 10.0.1.4 is web's own\n"
            "ALLOW egress of web: group front allows all to 0.0.0.0/0 [sgr-0000000000000001]\n"
            "DENY route: 10.0.1.99 is in a range of shop, and no interface has it\n"
            "DENY no-endpoint \n");
  EXPECT_THAT(tell(query(world_.web, world_.idle, 80)),
              HasSubstr("10.0.1.6 is idle's, which is attached to no workload"));
  world_.allow(2, world_.lab_group, Direction::Out, "all", prefix("0.0.0.0/0"));
  EXPECT_EQ(tell({.vpc = world_.lab, .source = world_.bench, .target = api::Internet{}, .selector = 443}),
            "ALLOW source check: 10.0.1.4 is bench's own\n"
            "ALLOW egress of bench: group lab allows all to 0.0.0.0/0 [sgr-0000000000000002]\n"
            "DENY route: 198.51.100.1 is in no range of lab, which has no internet gateway\n"
            "DENY no-route \n");
}

TEST_F(TraceTest, NobodySendsFromAnInterfaceThatIsAttachedToNothing) {
  EXPECT_EQ(tell(query(world_.idle, world_.web, 80)),
            "DENY source check: idle is attached to no workload: nothing can send from it\n"
            "DENY unknown-device \n");
}

TEST_F(TraceTest, TheResolverIsForEveryone) {
  EXPECT_EQ(tell({.vpc = world_.shop,
                  .source = world_.web,
                  .target = address("10.0.1.2"),
                  .protocol = model::kUdp,
                  .selector = 53}),
            "ALLOW source check: 10.0.1.4 is web's own\n"
            "ALLOW route: 10.0.1.2 is the VPC's resolver: no group forbids it\n"
            "ALLOW translate: the target becomes a name server of the machine\n"
            "ALLOW deliver: the resolver answers\n"
            "ALLOW resolver \n");
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  EXPECT_THAT(tell(query(world_.web, address("169.254.169.253"), 80)), HasSubstr("DENY no-endpoint"));
}

TEST_F(TraceTest, OutwardsTheAddressIsTranslated) {
  world_.allow(1, world_.front, Direction::Out, "tcp:443", prefix("0.0.0.0/0"));
  EXPECT_EQ(tell(query(world_.web, api::Internet{}, 443)),
            "ALLOW source check: 10.0.1.4 is web's own\n"
            "ALLOW egress of web: group front allows tcp:443 to 0.0.0.0/0 [sgr-0000000000000001]\n"
            "ALLOW route: 198.51.100.1 is outside: 0.0.0.0/0 of table main leads to the internet gateway of shop\n"
            "ALLOW border out of main: ACL default allows tcp:443 to 198.51.100.1 by rule 100: all to 0.0.0.0/0 "
            "[aclr-0000000000000105]\n"
            "ALLOW translate: the source becomes the machine's own address\n"
            "ALLOW deliver: to the internet\n"
            "ALLOW rule sgr-0000000000000001\n");
}

TEST_F(TraceTest, APrivateIpv6RangeDoesNotLeave) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("::/0"));
  EXPECT_THAT(tell(query(world_.web, address("2001:db8::7"), 443)),
              HasSubstr("DENY route: fd00:1::/56 is a private IPv6 range: nothing of it reaches the internet\n"
                        "DENY no-route"));
}

TEST_F(TraceTest, WhatNoHostHasIsNoTarget) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  for (const char* many : {"224.0.0.1", "255.255.255.255", "240.0.0.1"}) {
    EXPECT_EQ(tell(query(world_.web, address(many), 80)),
              fmt::format("DENY route: {} is no single host's: multicast and broadcast don't exist here\n"
                          "DENY multicast \n",
                          many));
  }
  EXPECT_THAT(tell(query(world_.web, address("ff02::1"), 80)), HasSubstr("DENY multicast"));
  EXPECT_THAT(tell(query(world_.web, address("127.0.0.1"), 80)), HasSubstr("DENY no-route"));
  EXPECT_THAT(tell(query(world_.web, address("169.254.169.254"), 80)),
              HasSubstr("DENY route: 169.254.169.254 is of a range that never leaves a network: it is not outside\n"
                        "DENY no-route"));
}

TEST_F(TraceTest, WhatHasNoPortsDoesNotLeaveOverIpv4) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  EXPECT_THAT(tell({.vpc = world_.shop, .source = world_.web, .target = address("192.0.2.7"), .protocol = 47}),
              HasSubstr("DENY route: 47 over IPv4 can't have the machine's address: tcp, udp and requests of icmp can\n"
                        "DENY no-route"));
}

TEST_F(TraceTest, VpcsAreIsolated) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  EXPECT_EQ(tell(query(world_.web, world_.bench, 80)),
            "DENY route: bench is in VPC lab, web in VPC shop: nothing leads from one VPC to another, but a published "
            "port, and bench publishes none\n"
            "DENY no-route \n");
  world_.publish(world_.lab, 9000, "10.0.1.4", 90);
  EXPECT_THAT(tell(query(world_.web, world_.bench, 80)),
              HasSubstr("but a published port, as tcp:9000 of the machine\nDENY no-route"));
}

TEST_F(TraceTest, AnotherVpcsPublishedPortIsReachedFromOutsideOfIt) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  world_.allow(2, world_.lab_group, Direction::In, "tcp:90", prefix("192.0.2.10/32"));
  world_.publish(world_.lab, 9000, "10.0.1.4", 90);
  EXPECT_THAT(tell(query(world_.web, address("192.0.2.10"), 9000)),
              HasSubstr("DENY route: nothing leads from subnet main to the internet gateway: it isn't public"));
  world_.open_to_outside(world_.lab);
  EXPECT_EQ(tell(query(world_.web, address("192.0.2.10"), 9000)),
            "ALLOW source check: 10.0.1.4 is web's own\n"
            "ALLOW egress of web: group front allows all to 0.0.0.0/0 [sgr-0000000000000001]\n"
            "ALLOW route: 192.0.2.10 is outside: 0.0.0.0/0 of table main leads to the internet gateway of shop\n"
            "ALLOW border out of main: ACL default allows tcp:9000 to 192.0.2.10 by rule 100: all to 0.0.0.0/0 "
            "[aclr-0000000000000105]\n"
            "ALLOW translate: the source becomes the machine's own address\n"
            "ALLOW translate: port 9000 of the machine is published: it leads to bench\n"
            "ALLOW border into main: ACL default allows tcp:90 from 192.0.2.10 by rule 100: all from 0.0.0.0/0 "
            "[aclr-0000000000000203]\n"
            "ALLOW ingress of bench: group lab allows tcp:90 from 192.0.2.10/32 [sgr-0000000000000002]\n"
            "ALLOW deliver: to eth0 of workload bench\n"
            "ALLOW rule sgr-0000000000000002\n");
}

// Its range has the machine's own address: what comes from there is taken for forged.
TEST_F(TraceTest, AnotherVpcMayTakeTheMachinesAddressForItsOwn) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  model::Vpc lab = world_.state.get(world_.lab);
  lab.cidrs.push_back(prefix("192.0.2.0/24"));
  world_.put({lab});
  world_.publish(world_.lab, 9000, "10.0.1.4", 90);
  EXPECT_THAT(tell(query(world_.web, address("192.0.2.10"), 9000)), HasSubstr("DENY gateway-source"));
}

TEST_F(TraceTest, OfTheMachinePublishedPortsAreOpenAlone) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  EXPECT_THAT(tell(query(world_.db, address("192.0.2.10"), 22)), HasSubstr("DENY egress-denied"));
  EXPECT_THAT(tell(query(world_.web, address("192.0.2.10"), 22)),
              HasSubstr("DENY translate: 192.0.2.10 is the machine's own, and tcp:22 of it is not published: the "
                        "gateway refuses it\nDENY no-route"));
}

TEST_F(TraceTest, WhoPublishesAPortReachesIt) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
  EXPECT_THAT(
      tell(query(world_.web, address("192.0.2.10"), 8080)),
      HasSubstr("ALLOW translate: port 8080 of the machine is published: it leads to web\n"
                "ALLOW border into main: ACL default allows tcp:80 from 10.0.1.1 by rule 100: all from 0.0.0.0/0 "
                "[aclr-0000000000000103]\n"
                "DENY ingress of web: no rule allows tcp:80 from 10.0.1.1"));
  world_.allow(2, world_.front, Direction::In, "tcp:80", prefix("10.0.1.1/32"));
  EXPECT_THAT(tell(query(world_.web, address("192.0.2.10"), 8080)), HasSubstr("ALLOW rule sgr-0000000000000002"));
  world_.allow(3, world_.front, Direction::Out, "all", prefix("::/0"));
  world_.allow(4, world_.front, Direction::In, "tcp:80", prefix("fd00:1::1/128"));
  EXPECT_THAT(tell(query(world_.web, address("2001:db8:1::10"), 8080)), HasSubstr("ALLOW rule sgr-0000000000000004"));
}

TEST_F(TraceTest, FromOutsideToTheMachineThePublicationIsFollowed) {
  world_.allow(1, world_.front, Direction::In, "tcp:80", prefix("0.0.0.0/0"));
  const auto to_machine = [&](const char* target, uint16_t port) {
    return tell({.vpc = {}, .source = api::Internet{}, .target = address(target), .selector = port});
  };
  EXPECT_EQ(to_machine("192.0.2.10", 8080),
            "ALLOW source check: 198.51.100.1 is outside: it comes by the gateway of shop\n"
            "ALLOW translate: port 8080 of the machine is published: it leads to web\n"
            "ALLOW border into main: ACL default allows tcp:80 from 198.51.100.1 by rule 100: all from 0.0.0.0/0 "
            "[aclr-0000000000000103]\n"
            "ALLOW ingress of web: group front allows tcp:80 from 0.0.0.0/0 [sgr-0000000000000001]\n"
            "ALLOW deliver: to eth0 of workload web\n"
            "ALLOW rule sgr-0000000000000001\n");
  EXPECT_THAT(to_machine("192.0.2.10", 22), HasSubstr("DENY route: tcp:22 of 192.0.2.10 is not published"));
  EXPECT_THAT(to_machine("192.0.2.99", 8080), HasSubstr("nor is the target an address of the machine"));
}

// A target may be reached in one family and not in the other.
TEST_F(TraceTest, FromOutsideEachFamilyIsTried) {
  model::Vpc routed = world_.state.get(world_.lab);
  routed.cidr6 = prefix("2001:db8:5::/56");
  model::Subnet subnet = world_.state.get(world_.lab_subnet);
  subnet.cidr6 = prefix("2001:db8:5::/64");
  model::Tni bench = world_.state.get(world_.bench);
  bench.ip6 = address("2001:db8:5::4");
  world_.put({routed, subnet, bench});
  world_.open_to_outside(world_.lab);
  world_.around.gateways[world_.lab].routed = routed.cidr6;
  world_.allow(1, world_.lab_group, Direction::In, "tcp:80", prefix("::/0"));
  EXPECT_EQ(tell({.vpc = world_.lab, .source = api::Internet{}, .target = world_.bench, .selector = 80}),
            "ALLOW family: IPv6; not IPv4: nothing outside leads to tcp:80 of bench: no port of the machine is "
            "published to it\n"
            "ALLOW source check: 2001:db8::1 is outside: it comes by the gateway of lab\n"
            "ALLOW translate: IPv6 comes in as it is\n"
            "ALLOW border into main: ACL default allows tcp:80 from 2001:db8::1 by rule 101: all from ::/0 "
            "[aclr-0000000000000204]\n"
            "ALLOW ingress of bench: group lab allows tcp:80 from ::/0 [sgr-0000000000000001]\n"
            "ALLOW deliver: to eth0 of workload bench\n"
            "ALLOW rule sgr-0000000000000001\n");
}

TEST_F(TraceTest, TheResolverNeedsANameServerOfItsFamily) {
  const auto ask = [&](const char* resolver) {
    return tell({.vpc = world_.shop,
                 .source = world_.web,
                 .target = address(resolver),
                 .protocol = model::kUdp,
                 .selector = 53});
  };
  EXPECT_THAT(ask("169.254.169.253"), HasSubstr("ALLOW resolver"));
  EXPECT_THAT(ask("fd00:ec2::253"),
              HasSubstr("DENY translate: the machine has no IPv6 name server: the gateway refuses it\nDENY no-route"));
}

TEST_F(TraceTest, FromOutsideAPublishedPortLeadsIn) {
  world_.allow(1, world_.front, Direction::In, "tcp:80", prefix("0.0.0.0/0"));
  EXPECT_EQ(tell(query(api::Internet{}, world_.web, 80)),
            "ALLOW source check: 198.51.100.1 is outside: it comes by the gateway of shop\n"
            "ALLOW translate: port 8080 of the machine is published: it leads to web\n"
            "ALLOW border into main: ACL default allows tcp:80 from 198.51.100.1 by rule 100: all from 0.0.0.0/0 "
            "[aclr-0000000000000103]\n"
            "ALLOW ingress of web: group front allows tcp:80 from 0.0.0.0/0 [sgr-0000000000000001]\n"
            "ALLOW deliver: to eth0 of workload web\n"
            "ALLOW rule sgr-0000000000000001\n");
  EXPECT_EQ(tell(query(api::Internet{}, world_.db, 5432)),
            "ALLOW source check: 198.51.100.1 is outside: it comes by the gateway of shop\n"
            "DENY translate: nothing outside leads to tcp:5432 of db: no port of the machine is published to it\n"
            "DENY no-route \n");
}

TEST_F(TraceTest, NobodySendsFromAnAddressWithoutAnInterface) {
  EXPECT_THAT(tell(query(address("10.0.7.7"), world_.web, 80)),
              HasSubstr("DENY source check: 10.0.7.7 is in a range of shop, and no interface has it"));
}

TEST_F(TraceTest, BothEndsSpeakTheSameFamily) {
  EXPECT_THAT(tell(query(world_.web, address("fd00:1::5"), 80)), HasSubstr("fd00:1::4 is web's own"));
  EXPECT_THAT(tell({.vpc = world_.shop, .source = world_.web, .target = world_.db, .protocol = model::kIcmp6}),
              HasSubstr("no rule allows icmpv6:128/0 to fd00:1::5"));
  EXPECT_THAT(tell({.vpc = world_.shop, .source = world_.web, .target = world_.db, .protocol = model::kIcmp}),
              HasSubstr("no rule allows icmp:8/0 to 10.0.1.5"));
  EXPECT_THAT(tell({.vpc = world_.lab, .source = world_.bench, .target = address("2001:db8::7"), .selector = 80}),
              HasSubstr("the two have no address of the same kind"));
}

// Whatever the rules: the verdict is the model's, its reason is that of the last
// step, and only the last step may deny.
TEST_F(TraceTest, AgreesWithTheModel) {
  base::Rng rng(20261120);
  const std::vector<api::TraceEnd> ends = {world_.web,
                                           world_.db,
                                           address("10.0.1.2"),
                                           address("10.0.1.200"),
                                           address("fd00:1::5"),
                                           address("192.0.2.7"),
                                           address("224.0.0.1"),
                                           address("192.0.2.10"),
                                           address("169.254.9.9"),
                                           api::Internet{}};
  const std::vector<model::Peer> peers = {prefix("0.0.0.0/0"), prefix("10.0.1.4/31"), prefix("::/0"), world_.front,
                                          world_.data};
  const auto pick = [&](const auto& from) { return from[rng.below(from.size())]; };
  int allowed = 0, denied = 0, beyond = 0;
  for (int round = 0; round < 2000; ++round) {
    const uint64_t number = 1 + rng.below(12);
    if (rng.one_in(3) && world_.state.find(model::RuleId::of(number)) != nullptr) {
      world_.remove(model::RuleId::of(number));
    } else {
      world_.allow(number, rng.one_in(2) ? world_.front : world_.data, rng.one_in(2) ? Direction::In : Direction::Out,
                   rng.one_in(2) ? "all" : "tcp:80", pick(peers));
    }
    const api::TraceQuery asked = query(pick(ends), pick(ends), rng.one_in(2) ? 80 : 53);
    const auto traced = trace_query(world_.state, world_.now, world_.around, asked);
    ASSERT_TRUE(traced.ok());
    const TracePacket& packet = traced->packet;
    const api::Trace& found = traced->trace;
    ASSERT_FALSE(found.steps.empty());
    for (size_t i = 0; i + 1 < found.steps.size(); ++i) EXPECT_EQ(found.steps[i].verdict, api::Verdict::Allow);
    EXPECT_EQ(found.steps.back().verdict, found.verdict);
    if (packet.obstacle) {
      EXPECT_EQ(found.verdict, api::Verdict::Drop);
      continue;
    }
    const model::Verdict expected = judge(world_.state, world_.now, packet.opening);
    if (found.steps.back().step == "translate") {
      ++beyond;
      EXPECT_EQ(found.reason, "no-route");
      continue;
    }
    EXPECT_EQ(traced->judged, expected.reason);
    if (packet.opening.outside == model::Outside::Machine) continue;  // it goes on behind the door
    EXPECT_EQ(found.reason, text_of(expected.reason));
    EXPECT_EQ(found.rule, expected.reason == model::Reason::AclDenied ? expected.acl_rule.text : expected.rule.text);
    ++(found.verdict == api::Verdict::Allow ? allowed : denied);
  }
  EXPECT_GT(allowed, 100);
  EXPECT_GT(denied, 100);
  EXPECT_GT(beyond, 10);
}

}  // namespace
}  // namespace weft::diagnosis
