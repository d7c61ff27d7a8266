#include "diagnosis/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "diagnosis/testing.h"

namespace weft::diagnosis {
namespace {

using ::testing::HasSubstr;

constexpr const char* kGolden = R"(# HELP weft_info Always 1; the labels say what runs.
# TYPE weft_info gauge
weft_info{version="0.1.0"} 1
# HELP weft_revision Revision of the agreed state that this machine has.
# TYPE weft_revision gauge
weft_revision 42
# HELP weft_store_writable 1 while changes are taken, 0 while the store is read-only.
# TYPE weft_store_writable gauge
weft_store_writable 1
# HELP weft_problems Things that are not as wanted.
# TYPE weft_problems gauge
weft_problems 1
# HELP weft_objects Objects of the agreed state.
# TYPE weft_objects gauge
weft_objects{kind="pl"} 0
weft_objects{kind="rule"} 0
weft_objects{kind="sg"} 3
weft_objects{kind="subnet"} 2
weft_objects{kind="tni"} 4
weft_objects{kind="vpc"} 2
weft_objects{kind="workload"} 3
# HELP weft_workloads Workloads of this machine.
# TYPE weft_workloads gauge
weft_workloads{state="created"} 0
weft_workloads{state="running"} 2
weft_workloads{state="backoff"} 0
weft_workloads{state="stopping"} 0
weft_workloads{state="exited"} 0
weft_workloads{state="failed"} 0
# HELP weft_flows Open flows.
# TYPE weft_flows gauge
weft_flows 7
# HELP weft_flows_limit Flows that the table holds at the most.
# TYPE weft_flows_limit gauge
weft_flows_limit 1000
# HELP weft_flow_log_lost_total Records that the flow log never got, the ring being full.
# TYPE weft_flow_log_lost_total counter
weft_flow_log_lost_total 0
# HELP weft_dropped_packets_total Packets that were dropped, by reason.
# TYPE weft_dropped_packets_total counter
weft_dropped_packets_total{reason="egress-denied"} 5
weft_dropped_packets_total{reason="ingress-denied"} 6
# HELP weft_border_dropped_packets_total Packets between gateways and the machine that were dropped.
# TYPE weft_border_dropped_packets_total counter
weft_border_dropped_packets_total{reason="not-ip"} 0
weft_border_dropped_packets_total{reason="machine"} 3
weft_border_dropped_packets_total{reason="no-exit"} 0
weft_border_dropped_packets_total{reason="no-gateway"} 0
# HELP weft_tni_packets_total Packets of an interface, as its workload sees the direction.
# TYPE weft_tni_packets_total counter
weft_tni_packets_total{tni="tni-0000000000000001",name="web",vpc="shop",direction="in"} 1
weft_tni_packets_total{tni="tni-0000000000000001",name="web",vpc="shop",direction="out"} 3
# HELP weft_tni_bytes_total Bytes of an interface, as its workload sees the direction.
# TYPE weft_tni_bytes_total counter
weft_tni_bytes_total{tni="tni-0000000000000001",name="web",vpc="shop",direction="in"} 2
weft_tni_bytes_total{tni="tni-0000000000000001",name="web",vpc="shop",direction="out"} 4
# HELP weft_tni_drops_total Packets of an interface that were dropped.
# TYPE weft_tni_drops_total counter
weft_tni_drops_total{tni="tni-0000000000000001",name="web",vpc="shop"} 5
# HELP weft_tni_flows Open flows that count as an interface's own.
# TYPE weft_tni_flows gauge
weft_tni_flows{tni="tni-0000000000000001",name="web",vpc="shop"} 6
# HELP weft_rule_flows_total Flows that a rule allowed.
# TYPE weft_rule_flows_total counter
weft_rule_flows_total{rule="sgr-0000000000000009",group="front"} 8
# HELP weft_series_left_out Objects without series of their own, there being too many.
# TYPE weft_series_left_out gauge
weft_series_left_out{kind="tni"} 0
weft_series_left_out{kind="rule"} 0
)";

Measured measured() {
  const World world;
  Measured measured = measure_state(world.state, [&](const model::WorkloadId& id) {
    return id == world.bench_workload ? std::nullopt : std::optional(api::RunStatus{.state = api::RunState::Running});
  });
  measured.version = "0.1.0";
  measured.revision = 42;
  measured.problems = 1;
  measured.flows = 7;
  measured.most_flows = 1000;
  measured.drops = {{model::Reason::EgressDenied, 5}, {model::Reason::IngressDenied, 6}};
  measured.border_drops = {0, 3, 0, 0};
  measured.tnis = {{world.web, "web", "shop", {.in = {1, 2}, .out = {3, 4}, .drops = 5, .flows = 6}}};
  measured.rules = {{model::RuleId::of(9), "front", 8}};
  return measured;
}

// What `promtool check metrics` holds against a text, as far as it is syntax.
void expect_well_formed(const std::string& text) {
  static const std::regex help(R"(# HELP ([a-z_]+) \S.*\.)");
  static const std::regex type(R"(# TYPE ([a-z_]+) (counter|gauge))");
  static const std::regex sample(
      R"(([a-z_]+)(\{[a-z]+="([^"\\\n]|\\["\\n])*"(,[a-z]+="([^"\\\n]|\\["\\n])*")*\})? [0-9]+)");
  std::string family, kind;
  std::set<std::string> families, series;
  std::istringstream lines(text);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, match, help)) {
      family = match[1];
      kind.clear();
      EXPECT_TRUE(families.insert(family).second) << family << " stands there twice";
    } else if (std::regex_match(line, match, type)) {
      EXPECT_EQ(match[1], family);
      kind = match[2];
      EXPECT_EQ(kind == "counter", family.ends_with("_total")) << family;
    } else {
      ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
      EXPECT_EQ(match[1], family);
      EXPECT_FALSE(kind.empty()) << line;
      EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line;
      EXPECT_TRUE(match[1].str().starts_with("weft_"));
    }
  }
  EXPECT_TRUE(text.ends_with("\n"));
}

TEST(Metrics, Golden) { EXPECT_EQ(to_prometheus(measured()), kGolden); }

TEST(Metrics, AreWellFormed) {
  expect_well_formed(to_prometheus(measured()));
  expect_well_formed(to_prometheus({}));
}

TEST(Metrics, NamesCannotBreakOutOfTheirLabel) {
  Measured odd = measured();
  odd.tnis[0].name = "a\"} 1\nweft_evil{x=\"\\";
  const std::string text = to_prometheus(odd);
  expect_well_formed(text);
  EXPECT_THAT(text, HasSubstr(R"(name="a\"} 1\nweft_evil{x=\"\\")"));
}

}  // namespace
}  // namespace weft::diagnosis
