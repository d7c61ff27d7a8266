#include "schema/json.h"

#include <gtest/gtest.h>

#include "schema/object.h"
#include "schema/testing.h"
#include "schema/yaml.h"
#include "weft/v1/group.pb.h"
#include "weft/v1/tni.pb.h"
#include "weft/v1/workload.pb.h"

namespace weft::schema {
namespace {

using base::Code;

Error refusal(std::string_view text, google::protobuf::Message& into) {
  auto outcome = read_json_text(text, into);
  EXPECT_FALSE(outcome.ok()) << text;
  return outcome.ok() ? Error{} : outcome.error();
}

TEST(Json, ReadsARequest) {
  v1::WorkloadRunRequest run;
  ASSERT_TRUE(read_json_text(R"({"name":"web","command":["sleep","1"],"restart":"on-failure","pids":"12","rm":true,
                                 "user":null})",
                             run)
                  .ok());
  EXPECT_EQ(run.name(), "web");
  EXPECT_EQ(run.command_size(), 2);
  EXPECT_EQ(run.restart(), v1::RESTART_ON_FAILURE);
  EXPECT_EQ(run.pids(), 12u);
  EXPECT_TRUE(run.rm());
  EXPECT_TRUE(run.user().empty());
}

TEST(Json, NamesTheFieldThatIsWrong) {
  v1::WorkloadRunRequest run;
  v1::GroupItem group;
  struct Case {
    const char* text;
    const char* field;
    google::protobuf::Message* into;
  };
  const Case cases[] = {
      {R"({"nmae":"x"})", "nmae", &run},
      {R"({"pids":-1})", "pids", &run},
      {R"({"pids":4294967296})", "pids", &run},
      {R"({"pids":1.5})", "pids", &run},
      {R"({"rm":"perhaps"})", "rm", &run},
      {R"({"restart":"sometimes"})", "restart", &run},
      {R"({"command":"true"})", "command", &run},
      {R"({"command":["a",5]})", "command[1]", &run},
      {R"({"name":5})", "name", &run},
      {R"({"rules":[{},{"peer":{}}]})", "rules[1].peer", &group},
      {R"({"rules":[{},{"colour":1}]})", "rules[1].colour", &group},
  };
  for (const Case& each : cases) {
    const Error error = refusal(each.text, *each.into);
    EXPECT_EQ(error.field, each.field) << each.text << ": " << error.what;
    EXPECT_EQ(error.code, Code::Usage) << each.text;
  }
}

TEST(Json, ValuesAreNamedInTheRefusal) {
  v1::WorkloadRunRequest run;
  EXPECT_EQ(refusal(R"({"restart":"some\ntimes"})", run).what, "'some\\x0atimes' is not one of no, on-failure, always");
}

TEST(Json, RefusesWhatIsNotJson) {
  v1::WorkloadRunRequest run;
  for (const char* text : {"{", "[]", "5", "{\"name\":\"a\"} x", "{\"name\":\"\xff\"}", "\"", "{\"name\":\"a\",}",
                           "nul", "19e311", "{\"pids\":1e400}"}) {
    EXPECT_EQ(refusal(text, run).code, Code::Usage) << text;
  }
  EXPECT_EQ(refusal(R"({"name":"a","name":"b"})", run).what, "the field 'name' stands there twice");
}

TEST(Json, IsBounded) {
  v1::WorkloadRunRequest run;
  std::string deep(100'000, '[');
  EXPECT_EQ(refusal(deep + std::string(deep.size(), ']'), run).code, Code::Limit);
  std::string many = "{\"command\":[\"\"";
  for (size_t i = 0; i <= kMostJsonValues; ++i) many += ",\"\"";
  EXPECT_EQ(refusal(many + "]}", run).code, Code::Limit);
  EXPECT_EQ(refusal(std::string(kMostJsonBytes + 1, ' '), run).code, Code::Limit);
}

TEST(Json, SameFieldInTwoObjectsIsNoDuplicate) {
  v1::GroupItem group;
  EXPECT_TRUE(read_json_text(R"({"rules":[{"id":"a","peer":"b"},{"id":"a"}],"id":"x"})", group).ok());
}

template <class T, class Message>
void expect_round_trip(base::Rng& rng) {
  const T object = any<T>(rng);
  Message message;
  write(object, message);
  for (const Fields which : {Fields::All, Fields::NonZero}) {
    Message from_json;
    ASSERT_TRUE(read_json_text(to_json(message, which).dump(), from_json).ok());
    const auto back = read<T>(from_json);
    ASSERT_TRUE(back.ok()) << back.error().field << ": " << back.error().what;
    EXPECT_EQ(*back, object) << to_json_text(message);

    const std::string yaml = to_yaml(to_json(message, which));
    const auto documents = parse_yaml(yaml);
    ASSERT_TRUE(documents.ok()) << documents.error().what << "\n" << yaml;
    ASSERT_EQ(documents->size(), 1u);
    Message from_yaml;
    const auto outcome = read_json(documents->front().tree, from_yaml);
    ASSERT_TRUE(outcome.ok()) << outcome.error().what << "\n" << yaml;
    EXPECT_EQ(*read<T>(from_yaml), object) << yaml;
  }
}

TEST(Json, AndYamlReadBackAsWritten) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    base::Rng rng(seed);
    expect_round_trip<model::Tni, v1::Tni>(rng);
    expect_round_trip<model::Workload, v1::Workload>(rng);
    expect_round_trip<model::Rule, v1::Rule>(rng);
  }
}

TEST(Json, AbsentAndEmptyDiffer) {
  v1::Tni tni;
  EXPECT_FALSE(to_json(tni).contains("ip6"));
  EXPECT_TRUE(to_json(tni).contains("workload"));
  EXPECT_EQ(to_json(tni)["groups"], OrderedJson::array());
  tni.set_ip6("fd00::1");
  EXPECT_EQ(to_json(tni)["ip6"], "fd00::1");
  EXPECT_EQ(to_json(tni)["source_check"], "on");
}

}  // namespace
}  // namespace weft::schema
