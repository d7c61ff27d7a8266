// The program `weft` against a weftd that says what the test wants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>

#include "cli/fake_weftd.h"

namespace weft::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST(Program, CreatePrintsTheIdAndNothingElse) {
  FakeWeftd weftd;
  weftd.on("Vpcs/Create",
           {{"id", "vpc-1"}, {"name", "shop"}, {"revision", 7}, {"notes", {"10.1.0.1/16 was taken as 10.1.0.0/16"}}});
  const Outcome outcome = run_weft(weftd, {"vpc", "create", "shop", "--cidr", "10.1.0.1/16"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "vpc-1\n");
  EXPECT_EQ(outcome.err, "weft: 10.1.0.1/16 was taken as 10.1.0.0/16\n");
  EXPECT_THAT(weftd.requests(), ElementsAre(Request{"Vpcs/Create", {{"name", "shop"}, {"cidrs", {"10.1.0.1/16"}}}}));
}

TEST(Program, QuietKeepsTheIdAndDropsTheNotes) {
  FakeWeftd weftd;
  weftd.on("Vpcs/Create", {{"id", "vpc-1"}, {"notes", {"something"}}});
  const Outcome outcome = run_weft(weftd, {"vpc", "create", "shop", "--cidr", "10.1.0.0/16", "-q"});
  EXPECT_EQ(outcome.out, "vpc-1\n");
  EXPECT_EQ(outcome.err, "");
}

TEST(Program, FormatsOfAList) {
  FakeWeftd weftd;
  const Json items = {{{"id", "subnet-1"}, {"name", "db"}, {"vpc_name", "shop"}, {"cidr", "10.1.2.0/24"}, {"tnis", 2}}};
  weftd.on("Subnets/List", {{"items", items}});
  EXPECT_EQ(run_weft(weftd, {"subnet", "ls"}).out,
            "NAME  VPC   CIDR         CIDR6  TNIS  FREE  TABLE  ACL  ID\n"
            "db    shop  10.1.2.0/24  -      2     -     -      -    subnet-1\n");
  EXPECT_EQ(Json::parse(run_weft(weftd, {"subnet", "ls", "-o", "json"}).out), items);
  EXPECT_EQ(run_weft(weftd, {"subnet", "ls", "-o", "yaml"}).out,
            "- id: subnet-1\n  name: db\n  vpc_name: shop\n  cidr: \"10.1.2.0/24\"\n  tnis: 2\n");
  EXPECT_EQ(run_weft(weftd, {"subnet", "ls", "-o", "name"}).out, "shop/db\n");
  EXPECT_EQ(run_weft(weftd, {"subnet", "ls", "--quiet"}).out, "subnet-1\n");
  EXPECT_THAT(run_weft(weftd, {"subnet", "ls", "-o", "wide"}).out, HasSubstr("ROUTER"));
}

TEST(Program, TheExitStatusOfEachCode) {
  const std::map<std::string, int> statuses = {{"failed", 1},   {"usage", 2},     {"not_found", 3},
                                               {"conflict", 4}, {"denied", 5},    {"unavailable", 6},
                                               {"limit", 7},    {"timed_out", 8}, {"nonsense", 1}};
  FakeWeftd weftd;
  for (const auto& [code, status] : statuses) {
    weftd.on("Vpcs/Get", [code = code](Conversation& c, const Json&) {
      c.refuse(409, {{"code", code}, {"message", "so it is"}, {"field", "name"}, {"holder", "subnet-7"}});
    });
    const Outcome outcome = run_weft(weftd, {"vpc", "show", "x"});
    EXPECT_EQ(outcome.status, status) << code;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "weft: vpc show: so it is (held by subnet-7)\n");
  }
}

TEST(Program, ErrorsAsJson) {
  FakeWeftd weftd;
  weftd.on("Vpcs/Get", [](Conversation& c, const Json&) {
    c.refuse(404, {{"code", "not_found"}, {"message", "no vpc x"}, {"field", "name"}, {"holder", ""}});
  });
  const Json expected = {
      {"error", {{"code", "not_found"}, {"message", "vpc show: no vpc x"}, {"field", "name"}, {"holder", ""}}}};
  EXPECT_EQ(Json::parse(run_weft(weftd, {"vpc", "show", "x", "-o", "json"}).err), expected);
  const Outcome usage = run_weft(weftd, {"-o", "json", "vpc", "show"});
  EXPECT_EQ(usage.status, 2);
  EXPECT_EQ(Json::parse(usage.err)["error"]["code"], "usage");
}

TEST(Program, UsageErrorsAreFoundBeforeAnythingIsSent) {
  FakeWeftd weftd;
  const Outcome outcome = run_weft(weftd, {"vpc", "create", "shop"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err, "weft: vpc create: --cidr is missing\n");
  EXPECT_THAT(weftd.requests(), IsEmpty());
}

TEST(Program, NobodyListens) {
  FakeWeftd weftd;
  weftd.stop();
  const Outcome outcome = run_weft(weftd, {"ps"});
  EXPECT_EQ(outcome.status, 6);
  EXPECT_THAT(outcome.err, HasSubstr("is it running?"));
}

TEST(Program, ThePathOfTheSocketIsChecked) {
  FakeWeftd weftd;
  EXPECT_EQ(run_weft(weftd, {"ps", "--socket", std::string(200, 'x')}).status, 2);
  EXPECT_EQ(run_weft(weftd, {"ps", "--socket", "/dev/null"}).status, 6);
}

TEST(Program, ContextsNameSockets) {
  FakeWeftd weftd;
  weftd.on("Vpcs/List", {{"items", Json::array()}});
  std::filesystem::create_directories(weftd.folder() / ".config/weft");
  weftd.folder().write(".config/weft/contexts.json", Json{{"lab", weftd.socket()}}.dump());
  EXPECT_EQ(run_weft(weftd, {"vpc", "ls", "--context", "lab", "-o", "json"}).out, "[]\n");
  const Outcome unknown = run_weft(weftd, {"vpc", "ls", "--context", "lob"});
  EXPECT_EQ(unknown.status, 3);
  EXPECT_THAT(unknown.err, HasSubstr("'lob' is no context"));
}

TEST(Program, AnAnswerThatNeverComesIsTimedOut) {
  FakeWeftd weftd;
  weftd.on("Tnis/Move", [](Conversation& c, const Json&) { (void)c.await(workload::FrameType::Stdin); });
  const Outcome outcome = run_weft(weftd, {"tni", "move", "a", "b", "--wait=100ms"});
  EXPECT_EQ(outcome.status, 8);
}

// As one that is stopped: the kernel takes the connection, and that is all.
TEST(Program, WhatNobodyAnswersEnds) {
  FakeWeftd weftd;
  const auto silent = [](Conversation& c, const Json&) { (void)c.await(workload::FrameType::Stdin); };
  for (const char* method :
       {"Workloads/List", "Diagnosis/Status", "Diagnosis/Flows", "Workloads/Exec", "Vpcs/Create"}) {
    weftd.on(method, silent);
  }
  for (const auto& words : std::vector<std::vector<std::string>>{{"ps"}, {"status"}, {"flows", "--follow"}}) {
    const Outcome outcome = run_weft(weftd, words, {.input = {}, .environment = {"WEFT_TIMEOUT=100ms"}});
    EXPECT_EQ(outcome.status, 8) << words[0];
    EXPECT_EQ(outcome.err, "weft: " + words[0] +
                               ": weftd has not answered in time (systemctl status weftd tells how it is; --timeout "
                               "waits longer)\n");
  }
  EXPECT_EQ(run_weft(weftd, {"exec", "--timeout", "100ms", "web", "true"}).status, 125);
  EXPECT_THAT(run_weft(weftd, {"vpc", "create", "x", "--cidr", "10.0.0.0/16", "--wait=100ms"}).err,
              HasSubstr("it may still happen"));
}

TEST(Program, GarbageForAnAnswerIsAnError) {
  FakeWeftd weftd;
  for (const char* garbage : {"", "SSH-2.0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{\"a",
                              "HTTP/1.1 200 OK\r\n\r\n[[[[", "HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\nnull"}) {
    weftd.on("Vpcs/List", [garbage](Conversation& c, const Json&) { c.send(garbage); });
    const Outcome outcome = run_weft(weftd, {"vpc", "ls"});
    EXPECT_THAT(outcome.status, testing::AnyOf(1, 6)) << garbage;
    EXPECT_THAT(outcome.err, StartsWith("weft: vpc ls: ")) << garbage;
  }
}

TEST(Program, AnswersOfOddShapesAreNoCrash) {
  FakeWeftd weftd;
  for (const char* odd :
       {"null", "7", "[]", "{\"items\":7}", "{\"items\":[7,null,{\"name\":{}}]}", "{\"notes\":[7],\"id\":[]}",
        "{\"steps\":7,\"problems\":7,\"checks\":7,\"changes\":7,\"links\":7,\"holds\":7,\"verdict\":7}",
        "{\"steps\":[7],\"problems\":[7],\"checks\":[7],\"changes\":[7],\"links\":[7],\"text\":7}"}) {
    for (const auto& words : std::vector<std::vector<std::string>>{{"vpc", "ls"},
                                                                   {"vpc", "show", "x"},
                                                                   {"vpc", "create", "x", "--cidr", "y"},
                                                                   {"trace", "a", "b"},
                                                                   {"status"},
                                                                   {"doctor"},
                                                                   {"explain", "x"},
                                                                   {"plan", "-f", "/dev/null"},
                                                                   {"version"},
                                                                   {"export"},
                                                                   {"ps"}}) {
      for (const char* method :
           {"Vpcs/List", "Vpcs/Get", "Vpcs/Create", "Diagnosis/Trace", "Diagnosis/Status", "Diagnosis/Doctor",
            "Diagnosis/Explain", "Files/Plan", "Diagnosis/Version", "Files/Export", "Workloads/List"}) {
        weftd.on(method, Json::parse(odd));
      }
      EXPECT_LT(run_weft(weftd, words).status, 100) << odd << " " << words[0];
    }
  }
}

TEST(Program, ControlCharactersOfTheServerAreShownNotObeyed) {
  FakeWeftd weftd;
  weftd.on("Vpcs/List", {{"items", {{{"name", "x\x1b[2J"}, {"id", "vpc-1"}}}}});
  EXPECT_THAT(run_weft(weftd, {"vpc", "ls"}).out, HasSubstr("x\\x1b[2J"));
  EXPECT_THAT(run_weft(weftd, {"vpc", "ls", "-o", "json"}).out, HasSubstr("x\\u001b[2J"));
  weftd.on("Vpcs/List", [](Conversation& c, const Json&) {
    c.refuse(400, {{"code", "usage"}, {"message", "\x1b]0;x\x07"}});
  });
  EXPECT_EQ(run_weft(weftd, {"vpc", "ls"}).err, "weft: vpc ls: \\x1b]0;x\\x07\n");
}

// A weftd with workloads a, b and c.
void serve_workloads(FakeWeftd& weftd) {
  weftd.on("Workloads/Get", [](Conversation& c, const Json& request) {
    const std::string name = request["name"];
    if (name.size() != 1) return c.refuse(404, {{"code", "not_found"}, {"message", "there is no workload " + name}});
    c.answer(Json{{"id", "w-" + name}, {"name", name}});
  });
  weftd.on("Workloads/AwaitWanted", {{"revision", 2}});
}

std::vector<std::string> asked(const FakeWeftd& weftd, const std::string& method) {
  std::vector<std::string> names;
  for (const Request& request : weftd.requests()) {
    if (request.method == method) names.push_back(request.json["name"]);
  }
  return names;
}

TEST(Life, EachNameIsTriedAndTheFirstFailureCounts) {
  FakeWeftd weftd;
  serve_workloads(weftd);
  weftd.on("Workloads/Remove", [](Conversation& c, const Json& request) {
    if (request["name"] == "w-b") return c.refuse(409, {{"code", "conflict"}, {"message", "it runs"}});
    c.answer(Json{{"revision", 1}});
  });
  const Outcome outcome = run_weft(weftd, {"rm", "a", "b", "c"});
  EXPECT_EQ(outcome.status, 4);
  EXPECT_EQ(outcome.err, "weft: rm: b: it runs\n");
  EXPECT_THAT(asked(weftd, "Workloads/Remove"), ElementsAre("w-a", "w-b", "w-c"));
  EXPECT_THAT(asked(weftd, "Workloads/AwaitWanted"), ElementsAre("w-a", "w-c"));
}

TEST(Life, ANameThatIsNobodysChangesNothing) {
  for (const char* verb : {"stop", "start", "restart", "rm"}) {
    FakeWeftd weftd;
    serve_workloads(weftd);
    const Outcome outcome = run_weft(weftd, {verb, "a", "nope", "b"});
    EXPECT_EQ(outcome.status, 3) << verb;
    EXPECT_EQ(outcome.err, "weft: " + std::string(verb) + ": there is no workload nope\n");
    for (const Request& request : weftd.requests()) EXPECT_EQ(request.method, "Workloads/Get");
  }
}

TEST(Life, ReturnsWhenAllHaveEnded) {
  FakeWeftd weftd;
  serve_workloads(weftd);
  weftd.on("Workloads/Stop", {{"revision", 1}});
  std::latch both(2), ended(1);
  weftd.on("Workloads/Stop", [&](Conversation& c, const Json&) {
    both.count_down();
    c.answer(Json{{"revision", 1}});
  });
  weftd.on("Workloads/AwaitWanted", [&](Conversation& c, const Json&) {
    ended.wait();
    c.answer(Json{{"revision", 1}});
  });
  Program program(weftd, {"stop", "a", "b", "a", "-o", "json"});
  both.wait();  // both are asked before either has ended
  ended.count_down();
  EXPECT_EQ(program.finish().status, 0);
  EXPECT_THAT(asked(weftd, "Workloads/Stop"), ElementsAre("w-a", "w-b"));
}

TEST(Life, WaitsNoLongerThanItIsTold) {
  FakeWeftd weftd;
  serve_workloads(weftd);
  weftd.on("Workloads/Stop", {{"revision", 1}});
  weftd.on("Workloads/AwaitWanted", [](Conversation& c, const Json&) { (void)c.await(workload::FrameType::Stdin); });
  EXPECT_EQ(run_weft(weftd, {"stop", "a", "--wait=100ms"}).status, 8);
}

TEST(Life, ADryRunWaitsForNothing) {
  FakeWeftd weftd;
  serve_workloads(weftd);
  weftd.on("Workloads/Stop", {{"changes", {{{"action", "change"}, {"kind", "w"}, {"name", "a"}}}}});
  EXPECT_EQ(run_weft(weftd, {"stop", "a", "--dry-run"}).status, 0);
  EXPECT_THAT(asked(weftd, "Workloads/AwaitWanted"), IsEmpty());
}

TEST(Program, ADryRunShowsWhatWouldHappen) {
  FakeWeftd weftd;
  weftd.on("Vpcs/Remove", {{"changes", {{{"action", "remove"}, {"kind", "vpc"}, {"name", "shop"}}}}});
  const Outcome outcome = run_weft(weftd, {"vpc", "rm", "shop", "--dry-run"});
  EXPECT_EQ(outcome.out, "- vpc shop\n");
  EXPECT_THAT(weftd.requests(), ElementsAre(Request{"Vpcs/Remove", {{"name", "shop"}, {"dry_run", true}}}));
}

TEST(Program, TraceEndsWithItsVerdict) {
  FakeWeftd weftd;
  weftd.on("Diagnosis/Trace", Json::parse(R"({"verdict":"drop","reason":"ingress-denied","rule":"","steps":[
      {"step":"egress of app","verdict":"allow","what":"all","rule":"sgr-1"},
      {"step":"ingress of db","verdict":"drop","what":"no rule allows tcp:22","rule":""}]})"));
  const Outcome denied = run_weft(weftd, {"trace", "shop/app", "shop/db:22"});
  EXPECT_EQ(denied.status, 10);
  EXPECT_EQ(denied.out,
            "ALLOW  egress of app  all, rule sgr-1\n"
            "DENY   ingress of db  no rule allows tcp:22\n"
            "DENY: ingress-denied\n");
  const Json json = Json::parse(run_weft(weftd, {"trace", "a", "[fd00::1]:22", "--proto", "udp", "-o", "json"}).out);
  EXPECT_EQ(json["verdict"], "DENY");
  EXPECT_EQ(json["steps"].size(), 2u);
  EXPECT_EQ(weftd.requests().back().json,
            Json({{"source", "a"}, {"protocol", "udp"}, {"target", "fd00::1"}, {"port", 22}}));

  weftd.on("Diagnosis/Trace", {{"verdict", "allow"}, {"reason", "rule"}, {"rule", "sgr-2"}, {"steps", Json::array()}});
  const Outcome allowed = run_weft(weftd, {"trace", "shop/app", "shop/db:5432"});
  EXPECT_EQ(allowed.status, 0);
  EXPECT_EQ(allowed.out, "ALLOW: rule, rule sgr-2\n");
}

TEST(Program, ALiveTraceSaysWhatItKnows) {
  FakeWeftd weftd;
  Json answer = {{"verdict", "drop"},
                 {"reason", "ingress-denied"},
                 {"steps", Json::array()},
                 {"live", "drop"},
                 {"live_reason", "no-endpoint"},
                 {"live_agrees", false},
                 {"live_note", "the trace and the data path disagree"}};
  weftd.on("Diagnosis/Trace", answer);
  const Outcome differs = run_weft(weftd, {"trace", "app", "db:22", "--live"});
  EXPECT_EQ(differs.status, 10);
  EXPECT_EQ(differs.out, "DENY: ingress-denied\nlive: DENY: no-endpoint\n");
  EXPECT_THAT(differs.err, HasSubstr("the trace and the data path disagree"));
  for (const char* field : {"live", "live_reason", "live_agrees"}) answer.erase(field);
  answer["live_note"] = "the data path was not asked";
  weftd.on("Diagnosis/Trace", answer);
  const Outcome unasked = run_weft(weftd, {"trace", "app", "lab/db:22", "--live"});
  EXPECT_EQ(unasked.out, "DENY: ingress-denied\n");
  EXPECT_THAT(unasked.err, HasSubstr("was not asked"));
}

TEST(Program, StatusEndsWithElevenWhenSomethingIsNotAsWanted) {
  FakeWeftd weftd;
  weftd.on("Diagnosis/Status", {{"ok", true}, {"machine_name", "m1"}, {"problems", Json::array()}});
  const Outcome fine = run_weft(weftd, {"status"});
  EXPECT_EQ(fine.status, 0);
  EXPECT_THAT(fine.out, StartsWith("ok: everything is as wanted\nmachine_name  m1\n"));
  weftd.on("Diagnosis/Status",
           {{"ok", false}, {"problems", {{{"name", "web"}, {"what", "no such image"}, {"since", ""}}}}});
  const Outcome bad = run_weft(weftd, {"status"});
  EXPECT_EQ(bad.status, 11);
  EXPECT_THAT(bad.out, HasSubstr("no such image  web"));
}

TEST(Program, PlanEndsWithNineWhenSomethingWouldChange) {
  FakeWeftd weftd;
  const std::string file = weftd.folder().write("a.yaml", "kind: vpc\n");
  weftd.on("Files/Plan",
           {{"changes", {{{"action", "create"}, {"kind", "vpc"}, {"name", "shop"}, {"fields", Json::array()}}}}});
  const Outcome some = run_weft(weftd, {"plan", "-f", file});
  EXPECT_EQ(some.status, 9);
  EXPECT_EQ(some.out, "+ vpc shop\n");
  weftd.on("Files/Plan", {{"changes", Json::array()}});
  EXPECT_EQ(run_weft(weftd, {"plan", "-f", file}).status, 0);
}

TEST(Program, ApplySendsAllFilesAtOnce) {
  FakeWeftd weftd;
  weftd.on("Files/Apply", {{"revision", 3}, {"changes", Json::array()}});
  const std::string a = weftd.folder().write("a.yaml", "a: 1\n");
  const std::string b = weftd.folder().write("b.yaml", "b: 2\n");
  const Outcome outcome = run_weft(weftd, {"apply", "-f", a, b, "-f", "-"}, {.input = "c: 3\n"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(weftd.requests().back().json["files"], Json({{{"name", a}, {"text", "a: 1\n"}},
                                                         {{"name", "-"}, {"text", "c: 3\n"}},
                                                         {{"name", b}, {"text", "b: 2\n"}}}));
}

TEST(Program, FilesThatCannotBeSent) {
  FakeWeftd weftd;
  EXPECT_EQ(run_weft(weftd, {"apply", "-f", weftd.folder() / "nowhere.yaml"}).status, 3);
  EXPECT_EQ(run_weft(weftd, {"apply", "-f", weftd.folder().write("x", "\xff")}).status, 2);
  EXPECT_EQ(run_weft(weftd, {"apply", "-f", weftd.folder().write("y", std::string((4 << 20) + 1, 'x'))}).status, 7);
  EXPECT_THAT(weftd.requests(), IsEmpty());
}

TEST(Program, LogsKeepStdoutAndStderrApart) {
  FakeWeftd weftd;
  weftd.on("Workloads/Logs", [](Conversation& c, const Json&) {
    c.stream({{{"time", "t1"}, {"stream", "stdout"}, {"text", "one"}},
              {{"time", "t2"}, {"stream", "stderr"}, {"text", "two"}}});
  });
  const Outcome plain = run_weft(weftd, {"logs", "web"});
  EXPECT_EQ(plain.out, "one\n");
  EXPECT_EQ(plain.err, "two\n");
  EXPECT_EQ(run_weft(weftd, {"logs", "web", "--timestamps"}).out, "t1 one\n");
  EXPECT_EQ(run_weft(weftd, {"logs", "web", "--follow", "-o", "json"}).out,
            "{\"time\":\"t1\",\"stream\":\"stdout\",\"text\":\"one\"}\n"
            "{\"time\":\"t2\",\"stream\":\"stderr\",\"text\":\"two\"}\n");
}

TEST(Program, WhatEndsIsAnArrayForPrograms) {
  FakeWeftd weftd;
  const auto outputs = [&](std::vector<Json> items) {
    std::vector<std::string> all;
    for (const std::string method : {"Diagnosis/Flows", "Diagnosis/Events", "Workloads/Logs"}) {
      weftd.on(method, [items](Conversation& c, const Json&) { c.stream(items); });
    }
    for (const char* format : {"json", "yaml"}) {
      all.push_back(run_weft(weftd, {"flows", "-o", format}).out);
      EXPECT_EQ(run_weft(weftd, {"events", "-o", format}).out, all.back());
      EXPECT_EQ(run_weft(weftd, {"logs", "web", "-o", format}).out, all.back());
    }
    return all;
  };
  EXPECT_THAT(outputs({}), ElementsAre("[]\n", "[]\n"));
  EXPECT_THAT(outputs({Json{{"kind", "a"}}}), ElementsAre("[\n  {\"kind\":\"a\"}\n]\n", "- kind: a\n"));
  EXPECT_THAT(outputs({Json{{"kind", "a"}}, Json{{"kind", "b"}}}),
              ElementsAre("[\n  {\"kind\":\"a\"},\n  {\"kind\":\"b\"}\n]\n", "- kind: a\n- kind: b\n"));
  EXPECT_EQ(run_weft(weftd, {"events", "--follow", "-o", "yaml"}).out, "---\nkind: a\n---\nkind: b\n");
  weftd.on("Diagnosis/Events", [](Conversation& c, const Json&) {
    c.stream({Json{{"kind", "a"}}, Json{{"error", {{"code", "limit"}, {"message", "too slow"}}}}});
  });
  const Outcome half = run_weft(weftd, {"events", "-o", "json"});
  EXPECT_EQ(half.status, 7);
  EXPECT_EQ(Json::parse(half.out).size(), 1u);
}

TEST(Program, FlowsSayWhy) {
  FakeWeftd weftd;
  weftd.on("Diagnosis/Flows", [](Conversation& c, const Json&) {
    c.stream(
        {Json::parse(
             R"({"time":"2026-11-20T12:00:00Z","verdict":"drop","reason":"ingress-denied","rule":"","tni":"tni-1",
      "tni_name":"shop/db","direction":"in","protocol":"tcp","source":"10.1.1.4","source_port":40000,"target":"10.1.2.10",
      "target_port":22,"packets":1,"bytes":60})"),
         Json::parse(R"({"time":"t","verdict":"allow","reason":"rule","rule":"sgr-1","tni":"tni-1","direction":"out",
      "protocol":"icmpv6","source":"fd00::1","target":"fd00::2"})")});
  });
  const Outcome outcome = run_weft(weftd, {"flows", "--verdict", "drop", "--since", "1h"});
  EXPECT_EQ(outcome.out,
            "2026-11-20T12:00:00Z drop  tcp    10.1.1.4:40000 -> 10.1.2.10:22 in shop/db ingress-denied\n"
            "t allow icmpv6 fd00::1 -> fd00::2 out tni-1 rule sgr-1\n");
  EXPECT_THAT(weftd.requests(), ElementsAre(Request{"Diagnosis/Flows", {{"verdict", "drop"}, {"since", "1h"}}}));
}

TEST(Program, AStreamMayEndInAnError) {
  FakeWeftd weftd;
  weftd.on("Diagnosis/Events", [](Conversation& c, const Json&) {
    c.stream({Json{{"time", "t"}, {"kind", "k"}, {"what", "w"}},
              Json{{"error", {{"code", "limit"}, {"message", "too slow"}}}}});
  });
  const Outcome outcome = run_weft(weftd, {"events", "--follow"});
  EXPECT_EQ(outcome.status, 7);
  EXPECT_THAT(outcome.out, HasSubstr("t k"));
  EXPECT_EQ(outcome.err, "weft: events: too slow\n");
}

TEST(Program, AUnitsDropinIsPrintedAsItIs) {
  FakeWeftd weftd;
  weftd.on("Tnis/UnitDropin", {{"path", "/etc/systemd/system/x.service.d/weft.conf"}, {"text", "[Service]\n"}});
  const Outcome outcome = run_weft(weftd, {"tni", "unit-dropin", "db", "x.service"});
  EXPECT_EQ(outcome.out, "[Service]\n");
  EXPECT_THAT(outcome.err, HasSubstr("x.service.d/weft.conf"));
}

TEST(Program, VersionNeedsNoWeftd) {
  FakeWeftd weftd;
  weftd.on("Diagnosis/Version", {{"version", "9.9"}, {"api", "v1"}});
  EXPECT_THAT(run_weft(weftd, {"version"}).out, HasSubstr("weftd 9.9\n"));
  weftd.stop();
  const Outcome outcome = run_weft(weftd, {"version"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, StartsWith("weft "));
  EXPECT_THAT(outcome.err, HasSubstr("connect to weftd"));
  EXPECT_EQ(Json::parse(run_weft(weftd, {"version", "-o", "json"}).out)["weftd"], nullptr);
}

TEST(Program, AFullDiskIsAFailure) {
  FakeWeftd weftd;
  weftd.on("Vpcs/List", {{"items", Json::array()}});
  const std::string line =
      std::string(WEFT_PROGRAM) + " vpc ls --socket " + weftd.socket() + " > /dev/full 2>/dev/null";
  EXPECT_EQ(WEXITSTATUS(system(line.c_str())), 1);
}

TEST(Program, NamesForCompletionComeFromWeftd) {
  FakeWeftd weftd;
  weftd.on("Vpcs/List", Json::parse(R"({"items":[{"name":"shop"},{"name":"lab"}]})"));
  EXPECT_EQ(run_weft(weftd, {"__complete", "--", "vpc", "show", "s"}).out, "nothing\nshop\t\n");
  weftd.stop();
  const Outcome away = run_weft(weftd, {"__complete", "--", "vpc", "show", ""});
  EXPECT_EQ(away.out, "nothing\n");
  EXPECT_EQ(away.status, 0);
}

}  // namespace
}  // namespace weft::cli
