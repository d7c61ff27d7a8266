#include "api/testing.h"
#include "weft/v1/diagnosis.pb.h"

namespace weft::api {
namespace {

using base::Code;

class DiagnosisTest : public ApiTest {
 protected:
  DiagnosisTest() {
    call("Workloads/Run", R"({"name":"web","command":["a"]})");
    call("Workloads/Run", R"({"name":"db","command":["a"]})");
  }
  model::TniId tni(const std::string& name) { return {call("Tnis/Get", R"({"name":")" + name + R"("})")["id"]}; }
};

TEST_F(DiagnosisTest, TracesBetweenNamesAddressesAndTheInternet) {
  const Json answer = call("Diagnosis/Trace", R"({"source":"web","target":"db","port":5432})");
  EXPECT_EQ(answer["verdict"], "drop");
  EXPECT_EQ(answer["reason"], "ingress-denied");
  EXPECT_EQ(std::get<model::TniId>(backend_.traced.source), tni("web"));
  EXPECT_EQ(std::get<model::TniId>(backend_.traced.target), tni("db"));
  EXPECT_EQ(backend_.traced.selector, 5432);
  EXPECT_EQ(backend_.traced.protocol, model::kTcp);

  call("Diagnosis/Trace", R"({"source":"10.210.1.2","target":"db","protocol":"icmp:8"})");
  EXPECT_EQ(std::get<model::TniId>(backend_.traced.source), tni("web"));
  EXPECT_EQ(backend_.traced.selector, 8 << 8);

  call("Diagnosis/Trace", R"({"source":"internet","target":"db","protocol":"udp","port":53})");
  EXPECT_TRUE(std::holds_alternative<Internet>(backend_.traced.source));

  call("Diagnosis/Trace", R"({"source":"web","target":"8.8.8.8"})");
  EXPECT_EQ(std::get<net::Address>(backend_.traced.target).text(), "8.8.8.8");
}

// Whether it is the machine's, and who publishes its port, is a matter of facts.
TEST_F(DiagnosisTest, TracesToAnAddressThatMayBeTheMachines) {
  call("Diagnosis/Trace", R"({"source":"internet","target":"192.0.2.10","port":8080})");
  EXPECT_TRUE(backend_.traced.vpc.empty());
  EXPECT_EQ(std::get<net::Address>(backend_.traced.target).text(), "192.0.2.10");
  EXPECT_EQ(backend_.traced.selector, 8080);
}

TEST_F(DiagnosisTest, RefusesBadQuestions) {
  EXPECT_EQ(refused("Diagnosis/Trace", R"({"source":"nobody","target":"db"})").code, Code::NotFound);
  EXPECT_EQ(refused("Diagnosis/Trace", R"({"source":"8.8.8.8","target":"internet"})").code, Code::Usage);
  EXPECT_EQ(refused("Diagnosis/Trace", R"({"source":"web","target":"db","port":70000})").field, "port");
  EXPECT_EQ(refused("Diagnosis/Trace", R"({"source":"web","target":"db","protocol":"all"})").field, "protocol");
  EXPECT_EQ(refused("Diagnosis/Explain", R"({"object":"nothing"})").code, Code::NotFound);
}

TEST_F(DiagnosisTest, StatusTellsProblems) {
  EXPECT_EQ(call("Diagnosis/Status", "{}")["ok"], true);
  backend_.problems_ = {{.id = tni("web").text, .what = "no device", .since = backend_.now()}};
  const Json status = call("Diagnosis/Status", "{}");
  EXPECT_EQ(status["ok"], false);
  EXPECT_EQ(status["problems"][0]["name"], "web");
  EXPECT_EQ(status["machine_name"], "alpha");
  EXPECT_EQ(status["workloads"], 2);
  EXPECT_EQ(status["tnis"], 3);
}

TEST_F(DiagnosisTest, ExplainWalksTheIds) {
  const Json answer = call("Diagnosis/Explain", R"({"object":"tni:web"})");
  EXPECT_EQ(answer["kind"], "tni");
  EXPECT_EQ(answer["holds"][0], "link of " + tni("web").text);
  std::map<std::string, int> relations;
  for (const Json& link : answer["links"]) ++relations[link["relation"]];
  EXPECT_EQ(relations["in VPC"], 1);
  EXPECT_EQ(relations["attached to"], 1);
  EXPECT_EQ(relations["by the rule"], 3);
  // The workload and its TNI have one name.
  const Error both = refused("Diagnosis/Explain", R"({"object":"web"})");
  EXPECT_EQ(both.code, Code::Usage);
  EXPECT_EQ(both.what, "'web' names more than one object: tni:default/web, workload:web");
  EXPECT_EQ(call("Diagnosis/Explain", R"({"object":"tni:default/web"})")["kind"], "tni");
  EXPECT_EQ(call("Diagnosis/Explain", R"({"object":"workload:web"})")["kind"], "w");
  call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
  EXPECT_EQ(refused("Diagnosis/Explain", R"({"object":"sg:default"})").code, Code::Usage);
  EXPECT_EQ(call("Diagnosis/Explain", R"({"object":"sg:shop/default"})")["kind"], "sg");
}

TEST_F(DiagnosisTest, DoctorIsWellUnlessSomethingIsBad) {
  backend_.checks = {{.check = "clock", .health = Health::Warning, .what = "not synchronised", .advice = "run chrony"}};
  EXPECT_EQ(call("Diagnosis/Doctor", "{}")["ok"], true);
  backend_.checks.push_back({.check = "bpf", .health = Health::Bad, .what = "no", .advice = "a newer kernel"});
  const Json answer = call("Diagnosis/Doctor", "{}");
  EXPECT_EQ(answer["ok"], false);
  EXPECT_EQ(answer["checks"][0]["health"], "warning");
}

TEST_F(DiagnosisTest, FlowsAreFiltered) {
  for (const Verdict verdict : {Verdict::Allow, Verdict::Drop, Verdict::Allow}) {
    FlowRecord record;
    record.verdict = verdict;
    record.tni = tni("web");
    record.protocol = model::kTcp;
    backend_.flow_records.items.push_back(record);
  }
  backend_.flow_records.over = true;
  const Caller caller{.role = Role::Viewer, .actor = "uid:1"};
  v1::FlowsRequest request;
  request.set_verdict(v1::VERDICT_DROP);
  const auto stream = std::get<Streaming>((*dispatch_->find("Diagnosis/Flows", caller))->run)(caller, request);
  ASSERT_TRUE(stream.ok());
  const auto items = (*stream)->take(10);
  ASSERT_EQ(items->size(), 1u);
  EXPECT_EQ(schema::to_json(*items->front())["verdict"], "drop");
  EXPECT_EQ(schema::to_json(*items->front())["tni_name"], "web");
  EXPECT_TRUE((*stream)->ended());
}

TEST_F(DiagnosisTest, VersionAndMetrics) {
  EXPECT_EQ(call("Diagnosis/Version", "{}")["version"], "0.1.0");
  EXPECT_EQ(call("Diagnosis/Metrics", "{}")["text"], "weft_up 1\n");
}

}  // namespace
}  // namespace weft::api
