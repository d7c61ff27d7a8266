#include "diagnosis/flow_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "diagnosis/testing.h"

namespace weft::diagnosis {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

abi::be16 wire(uint16_t port) { return __builtin_bswap16(port); }
abi::address wire(const net::Address& from) {
  abi::address to;
  std::copy(from.bytes().begin(), from.bytes().end(), to.bytes);
  return to;
}

class FlowLogTest : public ::testing::Test {
 protected:
  World world_;
  const datapath::ClockPair clocks_{.wall = world_.now, .boot = {1'000'000'000'000}};

  // web to db, port 5432, half a second ago.
  abi::event event(model::Reason reason, abi::event_kind kind = abi::EVENT_DROP) const {
    abi::event event{};
    event.time = static_cast<uint64_t>(clocks_.boot.ns) - 500'000'000;
    event.tni = 1;
    event.packets[0] = 1;
    event.bytes[0] = 60;
    event.source = wire(address("10.0.1.4"));
    event.target = wire(address("10.0.1.5"));
    event.source_port = wire(40000);
    event.target_port = wire(5432);
    event.protocol = model::kTcp;
    event.kind = static_cast<uint8_t>(kind);
    event.reason = static_cast<uint8_t>(reason);
    return event;
  }
  api::FlowRecord record(const abi::event& event) const { return to_record(kept_flow(world_.state, clocks_, event)); }
};

TEST_F(FlowLogTest, ADropSaysWhoseRulesRefusedIt) {
  abi::event dropped = event(model::Reason::IngressDenied);
  dropped.tni = 2;
  const auto shown = record(dropped);
  EXPECT_EQ(shown.time.ns, world_.now.ns - 500'000'000);
  EXPECT_EQ(shown.verdict, api::Verdict::Drop);
  EXPECT_EQ(shown.reason, "ingress-denied");
  EXPECT_EQ(shown.tni, world_.db);
  EXPECT_EQ(shown.direction, model::Direction::In);
  EXPECT_EQ(shown.source.text(), "10.0.1.4");
  EXPECT_EQ(shown.target.text(), "10.0.1.5");
  EXPECT_EQ(shown.source_port, 40000);
  EXPECT_EQ(shown.target_port, 5432);
  EXPECT_EQ(shown.counters.packets, 1u);
  EXPECT_EQ(shown.counters.bytes, 60u);
  EXPECT_TRUE(shown.rule.empty());
}

TEST_F(FlowLogTest, AFlowThatEndedCountsBothDirections) {
  abi::event ended = event(model::Reason::Established, abi::EVENT_FLOW_END);
  ended.rule = 0x2a;
  ended.packets[1] = 2;
  ended.bytes[1] = 100;
  const auto shown = record(ended);
  EXPECT_EQ(shown.verdict, api::Verdict::Allow);
  EXPECT_EQ(shown.reason, "established");
  EXPECT_EQ(shown.rule, "sgr-000000000000002a");
  EXPECT_EQ(shown.counters.packets, 3u);
  EXPECT_EQ(shown.counters.bytes, 160u);
  EXPECT_EQ(shown.direction, model::Direction::Out);
}

TEST_F(FlowLogTest, DirectionIsWhatTheTniSees) {
  abi::event cut = event(model::Reason::Revoked, abi::EVENT_DROP);
  EXPECT_EQ(record(cut).direction, model::Direction::Out);
  cut.tni = 2;
  EXPECT_EQ(record(cut).direction, model::Direction::In);
}

TEST_F(FlowLogTest, ATniThatIsGoneKeepsItsId) {
  abi::event dropped = event(model::Reason::NoRoute);
  dropped.tni = 0xabc;
  EXPECT_EQ(record(dropped).tni.text, "tni-0000000000000abc");
  dropped.tni = 0;
  EXPECT_TRUE(record(dropped).tni.empty());
}

TEST_F(FlowLogTest, AnAuditedRuleIsNamedAndAllowsNothing) {
  abi::event audited = event(model::Reason::IngressDenied, abi::EVENT_AUDIT);
  audited.rule = 7;
  const auto shown = record(audited);
  EXPECT_EQ(shown.verdict, api::Verdict::Drop);
  EXPECT_EQ(shown.reason, "audit");
  EXPECT_EQ(shown.rule, "sgr-0000000000000007");
}

TEST_F(FlowLogTest, AnEchosIdIsNoPort) {
  abi::event ping = event(model::Reason::EgressDenied);
  ping.protocol = model::kIcmp;
  EXPECT_EQ(record(ping).source_port, 0);
  EXPECT_EQ(record(ping).target_port, 0);
}

TEST_F(FlowLogTest, ANumberThatIsNoReasonAllowsNothing) {
  abi::event odd = event(model::Reason::None);
  odd.reason = 250;
  EXPECT_EQ(record(odd).verdict, api::Verdict::Drop);
}

TEST_F(FlowLogTest, ALineHasTheApisFields) {
  EXPECT_EQ(json_line(record(event(model::Reason::NoRoute))),
            R"({"time":"2026-11-20T09:29:59.500000000Z","verdict":"drop","reason":"no-route","rule":"",)"
            R"("tni":"tni-0000000000000001","direction":"out","protocol":"tcp","source":"10.0.1.4",)"
            R"("source_port":40000,"target":"10.0.1.5","target_port":5432,"packets":1,"bytes":60})"
            "\n");
}

TEST_F(FlowLogTest, HoldsTheNewestUpToItsLimit) {
  FlowLog log(3);
  std::vector<abi::event> events(5, event(model::Reason::NoRoute));
  for (size_t i = 0; i < events.size(); ++i) events[i].rule = i + 1;
  log.add(world_.state, clocks_, events);
  const auto records = *log.read({})->take(100);
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_EQ(records.front().rule, model::RuleId::of(3).text);
  EXPECT_EQ(records.back().rule, model::RuleId::of(5).text);
}

TEST_F(FlowLogTest, BeginsWhereTheReaderAsks) {
  FlowLog log;
  std::vector<abi::event> events(3, event(model::Reason::NoRoute));
  for (size_t i = 0; i < events.size(); ++i) events[i].time = static_cast<uint64_t>(clocks_.boot.ns) + i * 1000;
  log.add(world_.state, clocks_, events);
  EXPECT_THAT(*log.read({.since = world_.now + std::chrono::nanoseconds(1000)})->take(100), SizeIs(2));
  EXPECT_THAT(*log.read({.since = world_.now + std::chrono::seconds(1)})->take(100), SizeIs(0));
}

TEST_F(FlowLogTest, ToldOnceForAllThatCameTogether) {
  FlowLog log;
  const auto stream = log.read({.follow = true});
  int calls = 0;
  stream->when_ready([&] { ++calls; });
  log.add(world_.state, clocks_, std::vector(4, event(model::Reason::NoRoute)));
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(*stream->take(100), SizeIs(4));
}

TEST_F(FlowLogTest, WhatIsLostIsSaid) {
  FlowLog log(2);
  const auto slow = log.read({.follow = true});
  log.add(world_.state, clocks_, std::vector(5, event(model::Reason::NoRoute)));
  log.add_lost(world_.now, 17);
  const auto records = *slow->take(100);
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_EQ(records[0].reason, "lost");
  EXPECT_EQ(records[0].verdict, api::Verdict::Drop);
  EXPECT_EQ(records[0].counters.packets, 4u);
  EXPECT_EQ(records[2].reason, "lost");
  EXPECT_EQ(records[2].counters.packets, 17u);
}

TEST_F(FlowLogTest, OpenFlowsComeAfterWhatHappened) {
  FlowLog log;
  log.add(world_.state, clocks_, std::vector{event(model::Reason::NoRoute)});
  const KeptFlow open{.time = world_.now, .reason = model::Reason::RuleMatch};
  const auto records = *log.read({}, {open})->take(100);
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[1].reason, "rule");
  EXPECT_EQ(records[1].verdict, api::Verdict::Allow);
}

TEST_F(FlowLogTest, AFullDiskCostsTheFileNotTheLog) {
  Disk disk{.fault = "no space left"};
  FlowLog log(10, std::make_unique<FakeLines>(disk));
  log.add(world_.state, clocks_, std::vector{event(model::Reason::NoRoute)});
  EXPECT_THAT(log.problem(), HasSubstr("no space left"));
  EXPECT_THAT(*log.read({})->take(100), SizeIs(1));
  disk.fault.clear();
  log.add(world_.state, clocks_, std::vector{event(model::Reason::NoRoute)});
  EXPECT_EQ(log.problem(), "");
  EXPECT_THAT(disk.text, HasSubstr("no-route"));
}

}  // namespace
}  // namespace weft::diagnosis
