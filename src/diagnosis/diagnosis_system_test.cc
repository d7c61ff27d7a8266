// What is told is what the kernel holds: the trace, the flow log, the metrics and
// the explanations beside a data path with real packets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "datapath/datapath.h"
#include "diagnosis/explain.h"
#include "diagnosis/flow_log.h"
#include "diagnosis/metrics.h"
#include "diagnosis/testing.h"
#include "diagnosis/trace.h"
#include "os/bpffs.h"
#include "os/clock.h"
#include "os/isolated.h"
#include "os/netns.h"
#include "os/process.h"

namespace weft::diagnosis {
namespace {

using datapath::Datapath;
using model::Direction;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DiagnosisTest : public os::Isolated {
 protected:
  void SetUp() override {
    Isolated::SetUp();
    ASSERT_TRUE(os::mount_bpffs("/run/bpf").ok());
    world_.allow(1, world_.front, Direction::Out, "all", prefix("0.0.0.0/0"));
    world_.allow(2, world_.data, Direction::In, "icmp:8", world_.front);
    auto opened = Datapath::open(options());
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    datapath_ = std::move(*opened);
    datapath_->update(world_.state, world_.state.everything(), clocks());
    EXPECT_THAT(datapath_->problems(), IsEmpty());
  }
  void TearDown() override {
    datapath_.reset();
    EXPECT_TRUE(Datapath::remove_all(options()).ok());
    EXPECT_TRUE(os::unmount_bpffs("/run/bpf").ok());
  }

  Datapath::Options options() const {
    return {.names = {}, .pins = "/run/bpf/weft", .self = world_.machine, .most_flows = 4096};
  }
  static datapath::ClockPair clocks() { return {os::now_wall(), os::now_boot()}; }

  int from_web(std::vector<std::string> argv) {
    const auto netns = os::open_netns(datapath::Names{}.netns_of(world_.web_workload));
    EXPECT_TRUE(netns.ok());
    const auto done =
        os::run_program({.argv = std::move(argv), .netns = &*netns}, {.deadline = std::chrono::seconds(20)});
    return done.ok() ? done->status : -1;
  }
  api::Trace live(api::TraceEnd source, api::TraceEnd target, uint8_t protocol, uint16_t selector) {
    const api::TraceQuery query{
        .vpc = world_.shop, .source = source, .target = target, .protocol = protocol, .selector = selector};
    auto asked = trace_live(world_.state, *datapath_, os::now_wall(), world_.around, query);
    EXPECT_TRUE(asked.ok()) << asked.error().what;
    return asked.ok() ? *asked : api::Trace{};
  }
  uint32_t flows() { return datapath_->bpf().common.get(0)->flows; }

  World world_;
  std::unique_ptr<Datapath> datapath_;
};

TEST_F(DiagnosisTest, TheDataPathAgreesWithTheTrace) {
  for (const auto& [target, protocol, selector] :
       std::vector<std::tuple<api::TraceEnd, uint8_t, uint16_t>>{{world_.db, model::kIcmp, 8 << 8},
                                                                 {world_.db, model::kIcmp, 13 << 8},
                                                                 {world_.db, model::kTcp, 5432},
                                                                 {world_.db, model::kIcmp6, 128 << 8},
                                                                 {world_.idle, model::kUdp, 53},
                                                                 {address("10.0.1.77"), model::kTcp, 80},
                                                                 {world_.web, model::kTcp, 80},
                                                                 {address("224.0.0.1"), model::kUdp, 53},
                                                                 {address("240.0.0.1"), model::kTcp, 80},
                                                                 {address("127.0.0.1"), model::kTcp, 80},
                                                                 {address("ff02::fb"), model::kUdp, 5353},
                                                                 {address("169.254.9.9"), model::kTcp, 80},
                                                                 {address("192.0.2.7"), 47, 0},
                                                                 {address("2001:db8::7"), model::kTcp, 443},
                                                                 {world_.db, 47, 0}}) {
    const api::Trace found = live(world_.web, target, protocol, selector);
    EXPECT_EQ(found.live, found.verdict) << found.steps.back().what;
    EXPECT_EQ(found.live_reason, found.reason) << found.steps.back().what;
  }
  EXPECT_EQ(live(world_.web, world_.db, model::kIcmp, 8 << 8).live, api::Verdict::Allow);
  EXPECT_EQ(live(world_.db, world_.web, model::kTcp, 80).live_reason, "egress-denied");
  EXPECT_EQ(flows(), 0u);  // asking opens nothing
}

// What the trace would not notice by itself: the kernel judges by something else.
TEST_F(DiagnosisTest, AnotherReasonIsADisagreementToo) {
  ASSERT_TRUE(
      datapath_->bpf()
          .endpoints
          .remove({.vpc = *datapath_->slot_of(world_.shop), .address = datapath::address_of(address("10.0.1.5"))})
          .ok());
  const api::Trace found = live(world_.web, world_.db, model::kTcp, 5432);
  EXPECT_EQ(found.verdict, api::Verdict::Drop);
  EXPECT_EQ(found.live, api::Verdict::Drop);
  EXPECT_EQ(found.reason, "ingress-denied");
  EXPECT_EQ(found.live_reason, "no-endpoint");
  EXPECT_EQ(found.live_match, api::Trace::Match::Other);
  EXPECT_THAT(found.live_note, HasSubstr("disagree"));
}

TEST_F(DiagnosisTest, WhereNoPacketCanComeFromNobodyIsAsked) {
  const api::Trace foreign = live(world_.web, world_.bench, model::kTcp, 80);
  EXPECT_EQ(foreign.verdict, api::Verdict::Drop);
  EXPECT_FALSE(foreign.live);
  EXPECT_THAT(foreign.live_note, HasSubstr("there can be no such packet"));
  EXPECT_FALSE(live(api::Internet{}, world_.web, model::kTcp, 80).live);  // the gateway has no device here
}

TEST_F(DiagnosisTest, ALiveTraceTouchesNoFlow) {
  ASSERT_EQ(from_web({"ping", "-c1", "-W2", "10.0.1.5"}), 0);
  ASSERT_EQ(flows(), 1u);
  const auto before = open_flows(world_.state, datapath_->bpf(), clocks());
  EXPECT_EQ(live(world_.web, world_.db, model::kIcmp, 8 << 8).live_reason, "rule");
  const auto after = open_flows(world_.state, datapath_->bpf(), clocks());
  ASSERT_TRUE(before.ok() && after.ok());
  ASSERT_THAT(*after, SizeIs(1));
  EXPECT_EQ(before->front().counters.packets, after->front().counters.packets);
}

TEST_F(DiagnosisTest, TheFlowLogTellsDropsAndOpenFlows) {
  auto events = datapath::Events::open(datapath_->bpf());
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(from_web({"ping", "-c1", "-W2", "10.0.1.5"}), 0);
  EXPECT_NE(from_web({"ping", "-c1", "-W1", "10.0.1.77"}), 0);
  std::vector<abi::event> batch;
  (*events)->drain(1000, [&](const abi::event& event) { batch.push_back(event); });
  FlowLog log;
  log.add(world_.state, clocks(), batch);
  auto open = open_flows(world_.state, datapath_->bpf(), clocks());
  ASSERT_TRUE(open.ok()) << open.error().what;
  const auto records = *log.read({}, std::move(*open))->take(1000);
  EXPECT_THAT(records,
              Contains(AllOf(Field(&api::FlowRecord::reason, "no-endpoint"), Field(&api::FlowRecord::tni, world_.web),
                             Field(&api::FlowRecord::target, address("10.0.1.77")))));
  const api::FlowRecord& ping = records.back();
  EXPECT_EQ(ping.reason, "rule");
  EXPECT_EQ(ping.rule, model::RuleId::of(2).text);
  EXPECT_EQ(ping.tni, world_.web);
  EXPECT_EQ(ping.direction, Direction::Out);
  EXPECT_EQ(ping.source, address("10.0.1.4"));
  EXPECT_EQ(ping.counters.packets, 2u);
  EXPECT_LT(os::now_wall() - ping.time, std::chrono::minutes(1));
}

TEST_F(DiagnosisTest, OpenFlowsAreBounded) {
  ASSERT_EQ(from_web({"ping", "-c1", "-W2", "10.0.1.5"}), 0);
  EXPECT_THAT(*open_flows(world_.state, datapath_->bpf(), clocks(), 0), IsEmpty());
}

TEST_F(DiagnosisTest, MetricsCountWhatPassed) {
  ASSERT_EQ(from_web({"ping", "-c1", "-W2", "10.0.1.5"}), 0);
  EXPECT_NE(from_web({"ping", "-c1", "-W1", "10.0.1.77"}), 0);
  Measured measured = measure_state(world_.state, [](const auto&) { return std::nullopt; });
  ASSERT_TRUE(measure_datapath(world_.state, *datapath_, measured).ok());
  EXPECT_EQ(measured.flows, 1u);
  EXPECT_EQ(measured.most_flows, 4096u);
  EXPECT_EQ(measured.drops.at(model::Reason::NoEndpoint), 1u);
  ASSERT_THAT(measured.tnis, SizeIs(3));
  EXPECT_GE(measured.tnis[0].counters.out.packets, 1u);
  EXPECT_EQ(measured.tnis[0].counters.flows, 1u);
  ASSERT_THAT(measured.rules, SizeIs(2));
  EXPECT_EQ(measured.rules[1].flows, 1u);
}

TEST_F(DiagnosisTest, EachObjectIsExplainedByWhatIsHeld) {
  const auto held = [&](model::AnyId id) { return held_for(world_.state, *datapath_, {}, world_.machine, id); };
  EXPECT_THAT(held(world_.web), Contains(HasSubstr("device eth0 of namespace weft-w-0000000000000001")));
  EXPECT_THAT(held(world_.web), Contains(HasSubstr("2 addresses")));
  EXPECT_THAT(held(world_.db), Contains(HasSubstr("shared with 1 other interface")));
  EXPECT_THAT(held(world_.web_workload), Contains("network namespace weft-w-0000000000000001"));
  EXPECT_THAT(held(world_.web_workload), Contains(HasSubstr("port 8080 of every address")));
  EXPECT_THAT(held(world_.shop), Contains(HasSubstr("of the VPCs")));
  EXPECT_THAT(held(world_.subnet), Contains(HasSubstr("4 addresses")));
  EXPECT_THAT(held(model::RuleId::of(2)), Contains(HasSubstr("ingress tables of 1 group set")));
  EXPECT_THAT(held(world_.front), SizeIs(1));
  EXPECT_THAT(held(world_.machine), Contains(HasSubstr("3 pairs")));
  EXPECT_THAT(held(model::TniId{"tni-00000000000000ff"}), IsEmpty());
}

}  // namespace
}  // namespace weft::diagnosis
