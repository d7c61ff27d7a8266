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
    const api::Trace found = trace(world_.state, world_.now, query);
    std::string text;
    for (const api::TraceStep& step : found.steps) {
      text += fmt::format("{} {}: {}{}\n", step.verdict == api::Verdict::Allow ? "ALLOW" : "DENY", step.step, step.what,
                          step.rule.empty() ? "" : " [" + step.rule.text + "]");
    }
    return text + fmt::format("{} {} {}\n", found.verdict == api::Verdict::Allow ? "ALLOW" : "DENY", found.reason,
                              found.rule.text);
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
  world_.remove(model::rule_of_number(1));
  EXPECT_THAT(tell(query(world_.web, world_.db, 22)),
              HasSubstr("DENY egress of web: no rule allows tcp:22 to 10.0.1.5; group front: no egress rules; "
                        "group data: no egress rules\nDENY egress-denied"));
}

TEST_F(TraceTest, GroupsAreAskedBeforeTheWay) {
  EXPECT_THAT(tell(query(world_.web, address("10.0.1.99"), 80)), HasSubstr("DENY egress-denied"));
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
            "ALLOW route: 198.51.100.1 is outside: by the internet gateway of shop\n"
            "ALLOW translate: the source becomes the machine's own address\n"
            "ALLOW deliver: to the internet\n"
            "ALLOW rule sgr-0000000000000001\n");
}

TEST_F(TraceTest, APrivateIpv6RangeDoesNotLeave) {
  world_.allow(1, world_.front, Direction::Out, "all", prefix("::/0"));
  EXPECT_THAT(tell(query(world_.web, address("2001:db8::7"), 443)),
              HasSubstr("DENY translate: fd00:1::/56 is a private IPv6 range: nothing of it reaches the internet\n"
                        "DENY no-route"));
}

TEST_F(TraceTest, FromOutsideAPublishedPortLeadsIn) {
  world_.allow(1, world_.front, Direction::In, "tcp:80", prefix("0.0.0.0/0"));
  EXPECT_EQ(tell(query(api::Internet{}, world_.web, 80)),
            "ALLOW source check: 198.51.100.1 is outside: it comes by the gateway of shop\n"
            "ALLOW translate: port 8080 of the machine is published: it leads to web\n"
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
  const std::vector<api::TraceEnd> ends = {
      world_.web,           world_.db,      address("10.0.1.2"), address("10.0.1.200"), address("fd00:1::5"),
      address("192.0.2.7"), api::Internet{}};
  const std::vector<model::Peer> peers = {prefix("0.0.0.0/0"), prefix("10.0.1.4/31"), prefix("::/0"), world_.front,
                                          world_.data};
  const auto pick = [&](const auto& from) { return from[rng.below(from.size())]; };
  int allowed = 0, denied = 0, beyond = 0;
  for (int round = 0; round < 2000; ++round) {
    const uint64_t number = 1 + rng.below(12);
    if (rng.one_in(3) && world_.state.find(model::rule_of_number(number)) != nullptr) {
      world_.remove(model::rule_of_number(number));
    } else {
      world_.allow(number, rng.one_in(2) ? world_.front : world_.data, rng.one_in(2) ? Direction::In : Direction::Out,
                   rng.one_in(2) ? "all" : "tcp:80", pick(peers));
    }
    const api::TraceQuery asked = query(pick(ends), pick(ends), rng.one_in(2) ? 80 : 53);
    const TracePacket packet = trace_packet(world_.state, asked);
    const api::Trace found = trace(world_.state, world_.now, asked);
    ASSERT_FALSE(found.steps.empty());
    for (size_t i = 0; i + 1 < found.steps.size(); ++i) EXPECT_EQ(found.steps[i].verdict, api::Verdict::Allow);
    EXPECT_EQ(found.steps.back().verdict, found.verdict);
    if (!packet.impossible.empty()) {
      EXPECT_EQ(found.verdict, api::Verdict::Drop);
      continue;
    }
    const model::Verdict expected = judge(world_.state, world_.now, packet.opening);
    if (found.steps.back().step == "translate") {
      ++beyond;
      EXPECT_EQ(found.reason, "no-route");
      continue;
    }
    EXPECT_EQ(found.reason, text_of(expected.reason));
    EXPECT_EQ(found.rule, expected.rule);
    ++(found.verdict == api::Verdict::Allow ? allowed : denied);
  }
  EXPECT_GT(allowed, 100);
  EXPECT_GT(denied, 100);
  EXPECT_GT(beyond, 10);
}

}  // namespace
}  // namespace weft::diagnosis
