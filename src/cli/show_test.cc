#include "cli/show.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/cell.h"
#include "cli/exit_status.h"
#include "cli/failure.h"

namespace weft::cli {
namespace {

using Json = nlohmann::ordered_json;

const base::WallTime kNow = *base::parse_time("2026-11-20T12:00:00Z");

Json workloads() {
  return Json::parse(R"([
    {"id":"w-1","name":"web","command":["nginx","-g","daemon off;"],"ips":["10.210.1.4","fd00::4"],
     "ports":["8080->80/tcp"],"tni_names":["web"],"restart":"always",
     "status":{"state":"running","pid":42,"started":"2026-11-20T11:30:00Z","restarts":0}},
    {"id":"w-2","name":"job","command":["sh"],"ips":[],"ports":[],
     "status":{"state":"exited","exit_code":3,"ended":"2026-11-20T11:59:50Z"}},
    {"id":"w-3","name":"bad\u001b[2J","command":[],"status":{"state":"failed","reason":"no memory controller"}}])");
}

std::string list(Format format, Screen screen = {}) {
  return show_list(workloads(), find_command("ps")->columns, {.format = format, .screen = screen, .now = kNow});
}

TEST(Show, ListsAsTables) {
  EXPECT_EQ(
      list(Format::Table),
      "NAME        STATE                         IP                   PORTS         COMMAND                 ID\n"
      "web         running 30m                   10.210.1.4, fd00::4  8080->80/tcp  nginx -g 'daemon off;'  w-1\n"
      "job         exited (3) 10s ago            -                    -             sh                      w-2\n"
      "bad\\x1b[2J  failed: no memory controller  -                    -             -                       w-3\n");
}

TEST(Show, WideHasMoreColumnsAndIsNotCut) {
  const std::string wide = list(Format::Wide, {.width = 30});
  EXPECT_NE(wide.find("PID"), std::string::npos);
  EXPECT_NE(wide.find("nginx -g 'daemon off;'"), std::string::npos);
  EXPECT_EQ(list(Format::Table, {.width = 60}).find("nginx -g 'daemon off;'"), std::string::npos);
}

TEST(Show, ListsForPrograms) {
  EXPECT_EQ(Json::parse(list(Format::Json)), workloads());
  EXPECT_EQ(list(Format::Name), "web\njob\nbad\\x1b[2J\n");
  EXPECT_EQ(show_list(Json::parse(R"([{"name":"db","vpc_name":"shop","id":"x"}])"), {}, {.format = Format::Name}),
            "shop/db\n");
  EXPECT_EQ(show_list(Json::array(), find_command("ps")->columns, {.format = Format::Json}), "[]\n");
}

TEST(Show, AnObjectFieldByFieldWithItsSections) {
  const Json group = Json::parse(R"({"id":"sg-1","name":"web","description":"","limits":{"memory":0},
    "members":["a","b"],"rules":[{"id":"sgr-1","direction":"in","traffic":"tcp:80","peer_name":"0.0.0.0/0",
    "mode":"enforce","flows":7}]})");
  EXPECT_EQ(show_object(group, find_command("sg show")->sections, {}),
            "id             sg-1\n"
            "name           web\n"
            "description    -\n"
            "limits.memory  0\n"
            "members        a, b\n"
            "\n"
            "Rules:\n"
            "ID     DIRECTION  TRAFFIC  PEER       UNTIL  MODE     FLOWS  DESCRIPTION\n"
            "sgr-1  in         tcp:80   0.0.0.0/0  -      enforce  7      -\n");
}

TEST(Show, ARuleThatHasExpiredSaysSo) {
  const Json group = Json::parse(R"({"id":"sg-1","rules":[
      {"id":"sgr-1","until":"2026-11-20T12:00:00Z","expired":true},
      {"id":"sgr-2","until":"2026-11-22T12:00:00Z","expired":false}]})");
  const std::string shown = show_object(group, find_command("sg show")->sections, {});
  EXPECT_THAT(shown, testing::HasSubstr("2026-11-20T12:00:00Z (expired)"));
  EXPECT_THAT(shown, testing::Not(testing::HasSubstr("2026-11-22T12:00:00Z (expired)")));
}

TEST(Show, ChangesFieldByField) {
  const Json changes = Json::parse(R"([
    {"action":"create","kind":"subnet","name":"shop/db","fields":[{"field":"cidr","before":"","after":"\"10.1.2.0/24\""}]},
    {"action":"change","kind":"sg","name":"shop/web","fields":[{"field":"on_revoke","before":"\"cut\"","after":"\"keep\""}]},
    {"action":"remove","kind":"tni","id":"tni-1","name":""}])");
  EXPECT_EQ(show_changes(changes, Colour::Off),
            "+ subnet shop/db\n    cidr: \"10.1.2.0/24\"\n"
            "~ sg shop/web\n    on_revoke: \"cut\" -> \"keep\"\n"
            "- tni tni-1\n");
}

TEST(Show, AgesAreShort) {
  EXPECT_EQ(age_of("2026-11-20T11:59:00Z", kNow), "60s");
  EXPECT_EQ(age_of("2026-11-20T11:30:00Z", kNow), "30m");
  EXPECT_EQ(age_of("2026-11-19T12:00:00Z", kNow), "24h");
  EXPECT_EQ(age_of("2026-11-01T12:00:00Z", kNow), "19d");
  EXPECT_EQ(age_of("2027-11-01T12:00:00Z", kNow), "0s");
  EXPECT_EQ(age_of("soon", kNow), "soon");
}

TEST(Show, AnswersOfAnyShapeAreShown) {
  for (const char* text : {"null", "7", "\"x\"", "[1,[2]]", "{\"status\":7}", "{\"items\":{}}"}) {
    const Json odd = Json::parse(text);
    (void)show_object(odd.is_object() ? odd : Json::object(), {}, {});
    (void)show_list(Json::array({odd}), find_command("ps")->columns, {});
    (void)show_list(Json::array({odd}), {}, {.format = Format::Name});
    (void)show_changes(Json::array({odd}), Colour::On);
  }
}

TEST(Failure, NamesTheFieldThatTheMessageDoesnt) {
  EXPECT_EQ(failure_text({.what = "longer than 256 bytes", .field = "spec.description"}),
            "weft: longer than 256 bytes (in spec.description)\n");
  EXPECT_EQ(failure_text({.what = "name is missing", .field = "name"}), "weft: name is missing\n");
  EXPECT_EQ(failure_text({.what = "there is no VPC x", .field = "name"}), "weft: there is no VPC x\n");
}

TEST(Failure, OneLineWithTheHolder) {
  EXPECT_EQ(failure_text({.code = base::Code::Conflict, .what = "vpc rm: it is used", .holder = "subnet shop/db"}),
            "weft: vpc rm: it is used (held by subnet shop/db)\n");
  EXPECT_EQ(failure_text({.code = base::Code::Conflict, .what = "used by tni-1", .holder = "tni-1"}),
            "weft: used by tni-1\n");
  EXPECT_EQ(failure_text({.what = "a\nb\x1b"}), "weft: a\\nb\\x1b\n");
}

TEST(Failure, AsJson) {
  EXPECT_EQ(failure_json({.code = base::Code::NotFound, .what = "no \"x\"", .field = "vpc"}),
            "{\"error\":{\"code\":\"not_found\",\"message\":\"no \\\"x\\\"\",\"field\":\"vpc\",\"holder\":\"\"}}\n");
}

TEST(ExitStatus, OfEachCode) {
  using base::Code;
  EXPECT_EQ(exit_status_of(Code::Failed), 1);
  EXPECT_EQ(exit_status_of(Code::Usage), 2);
  EXPECT_EQ(exit_status_of(Code::NotFound), 3);
  EXPECT_EQ(exit_status_of(Code::Conflict), 4);
  EXPECT_EQ(exit_status_of(Code::Denied), 5);
  EXPECT_EQ(exit_status_of(Code::Unavailable), 6);
  EXPECT_EQ(exit_status_of(Code::Limit), 7);
  EXPECT_EQ(exit_status_of(Code::TimedOut), 8);
}

}  // namespace
}  // namespace weft::cli
