#include "cli/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/request.h"
#include "cli/value.h"

namespace weft::cli {
namespace {

using testing::HasSubstr;
using Json = nlohmann::ordered_json;
using Environment = std::map<std::string, std::string>;

Variables variables_of(Environment environment) {
  return [environment = std::move(environment)](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  };
}

Result<Parsed> parse_words(const std::vector<std::string>& words, Environment environment = {}) {
  return parse(words, variables_of(std::move(environment)));
}

Json request_of(const std::vector<std::string>& words, Environment environment = {}) {
  const auto parsed = parse_words(words, std::move(environment));
  if (!parsed.ok()) return parsed.error().what;
  return requests_of(std::get<Given>(*parsed)).front();
}

std::string refusal_of(const std::vector<std::string>& words, Environment environment = {}) {
  const auto parsed = parse_words(words, std::move(environment));
  if (parsed.ok()) return "accepted";
  EXPECT_EQ(parsed.error().code, base::Code::Usage);
  return parsed.error().what;
}

TEST(Parse, FlagsAndArgumentsBecomeTheRequest) {
  EXPECT_EQ(request_of({"vpc", "create", "shop", "--cidr", "10.1.0.0/16", "--cidr=10.2.0.0/16", "--cidr6", "none"}),
            Json({{"name", "shop"}, {"cidrs", {"10.1.0.0/16", "10.2.0.0/16"}}, {"cidr6", "none"}}));
  EXPECT_EQ(request_of({"sg", "allow", "web", "in", "tcp:80", "0.0.0.0/0", "--for", "4h", "--audit"}),
            Json({{"group", "web"},
                  {"direction", "in"},
                  {"traffic", "tcp:80"},
                  {"peer", "0.0.0.0/0"},
                  {"for", "4h"},
                  {"mode", "audit"}}));
  EXPECT_EQ(request_of({"tni", "create", "db", "--no-source-check", "--sg", "a", "--sg", "b", "--dry-run"}),
            Json({{"name", "db"}, {"groups", {"a", "b"}}, {"source_check", "off"}, {"dry_run", true}}));
}

TEST(Parse, NumbersAndSecondsAreNumbers) {
  EXPECT_EQ(request_of({"logs", "web", "--tail", "20"}), Json({{"name", "web"}, {"tail", 20}}));
  EXPECT_EQ(request_of({"tni", "set", "db", "--udp-one-way", "90s", "--tcp-established", "1h"}),
            Json({{"name", "db"}, {"timeouts", {{"tcp_established", 3600}, {"udp_one_way", 90}}}}));
}

TEST(Parse, FlagsStandAnywhereAndLettersTogether) {
  const Json wanted = {{"name", "web"}, {"follow", true}, {"tail", 5}};
  EXPECT_EQ(request_of({"logs", "-fn5", "web"}), wanted);
  EXPECT_EQ(request_of({"-o", "json", "logs", "web", "-f", "-n", "5"}), wanted);
  EXPECT_EQ(request_of({"--socket=/tmp/x", "logs", "--tail=5", "web", "--follow"}), wanted);
}

TEST(Parse, ACommandKeepsItsOwnFlags) {
  const Json wanted = {{"command", {"ls", "-l", "--help", "--", "x"}}, {"rm", true}};
  EXPECT_EQ(request_of({"run", "--rm", "--", "ls", "-l", "--help", "--", "x"}), wanted);
  EXPECT_EQ(request_of({"run", "--rm", "ls", "-l", "--help", "--", "x"}), wanted);
  EXPECT_EQ(request_of({"exec", "web", "--", "sh", "-c", "echo 'a\nb'"}),
            Json({{"name", "web"}, {"command", {"sh", "-c", "echo 'a\nb'"}}}));
  EXPECT_EQ(request_of({"exec", "-u", "nobody", "web", "id", "-u"}),
            Json({{"name", "web"}, {"command", {"id", "-u"}}, {"user", "nobody"}}));
}

TEST(Parse, EachWorkloadIsACallOfItsOwn) {
  const auto parsed = parse_words({"rm", "a", "b", "--force"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(requests_of(std::get<Given>(*parsed)),
            (std::vector<Json>{{{"name", "a"}, {"force", true}}, {{"name", "b"}, {"force", true}}}));
}

TEST(Parse, TheEnvironmentStandsInForFlags) {
  EXPECT_EQ(request_of({"subnet", "create", "db"}, {{"WEFT_VPC", "shop"}, {"WEFT_CIDR", "10.1.2.0/24"}}),
            Json({{"name", "db"}, {"vpc", "shop"}, {"cidr", "10.1.2.0/24"}}));
  EXPECT_EQ(request_of({"subnet", "ls", "--vpc", "lab"}, {{"WEFT_VPC", "shop"}}), Json({{"vpc", "lab"}}));
  EXPECT_EQ(request_of({"run", "x"}, {{"WEFT_SG", "a,b"}, {"WEFT_ENV", "K=1,2\nL=3"}, {"WEFT_RM", "1"}}),
            Json({{"command", {"x"}}, {"groups", {"a", "b"}}, {"env", {"K=1,2", "L=3"}}, {"rm", true}}));
  EXPECT_EQ(request_of({"run", "x"}, {{"WEFT_RM", "false"}, {"WEFT_USER", ""}}), Json({{"command", {"x"}}}));
}

TEST(Parse, TheLineGoesBeforeTheEnvironment) {
  const Json wanted = {{"group", "g"}, {"direction", "in"}, {"traffic", "all"}, {"peer", "sg:a"}, {"for", "1h"}};
  EXPECT_EQ(
      request_of({"sg", "allow", "g", "in", "all", "sg:a", "--for", "1h"}, {{"WEFT_UNTIL", "2030-01-01T00:00:00Z"}}),
      wanted);
}

TEST(Parse, ANameMaySayTheVpc) {
  const std::map<std::string, std::string> elsewhere = {{"WEFT_VPC", "lab"}};
  EXPECT_EQ(request_of({"subnet", "create", "shop/db", "--cidr", "10.1.2.0/24"}, elsewhere),
            Json({{"name", "shop/db"}, {"cidr", "10.1.2.0/24"}}));
  EXPECT_EQ(request_of({"sg", "create", "shop/db"}, elsewhere), Json({{"name", "shop/db"}}));
  EXPECT_EQ(request_of({"sg", "create", "db"}, elsewhere), Json({{"name", "db"}, {"vpc", "lab"}}));
  EXPECT_EQ(request_of({"sg", "create", "shop/db", "--vpc", "shop"}), Json({{"name", "shop/db"}, {"vpc", "shop"}}));
  EXPECT_THAT(refusal_of({"subnet", "create", "db", "--cidr", "10.1.2.0/24"}),
              HasSubstr("--vpc is missing (VPC/NAME says it, too)"));
}

TEST(Parse, ABadVariableIsNamed) {
  EXPECT_THAT(refusal_of({"run", "x"}, {{"WEFT_MEMORY", "lots"}}), HasSubstr("WEFT_MEMORY"));
  EXPECT_THAT(refusal_of({"ps"}, {{"WEFT_ALL", "perhaps"}}), HasSubstr("WEFT_ALL"));
}

TEST(Parse, WaitHasAValueOnlyBehindAnEqualsSign) {
  const auto parsed = parse_words({"vpc", "rm", "--wait", "shop"});
  ASSERT_TRUE(parsed.ok()) << parsed.error().what;
  EXPECT_EQ(std::get<Given>(*parsed).flag("wait"), "60s");
  EXPECT_EQ(std::get<Given>(*parsed).argument("VPC"), "shop");
  EXPECT_EQ(std::get<Given>(*parse_words({"vpc", "rm", "--wait=5s", "shop"})).flag("wait"), "5s");
}

struct Refused {
  std::vector<std::string> words;
  std::string why;
};

TEST(Parse, Refusals) {
  const std::vector<Refused> cases = {
      {{"vpc", "create"}, "vpc create: NAME is missing"},
      {{"vpc", "set", "x"}, "vpc set: nothing to set: weft vpc set --help"},
      {{"tni", "set", "x", "--dry-run"}, "tni set: nothing to set"},
      {{"vpc", "create", "x"}, "vpc create: --cidr is missing"},
      {{"vpc", "create", "x", "y", "--cidr", "z"}, "vpc create: 'y': one word too many"},
      {{"subnet", "create", "x", "--vpc", "a", "--vpc", "b"}, "--vpc: two values: 'a' and 'b'"},
      {{"subnet", "create", "x", "--vpc"}, "--vpc: needs a value, VPC"},
      {{"subnet", "create", "x", "--vpc", "--cidr", "y"}, "--vpc: needs a value, VPC"},
      {{"subnet", "create", "x", "--vpc="}, "--vpc: is empty"},
      {{"vpc", "ls", "--colour"}, "'--colour': no such flag"},
      {{"vpc", "create", "x", "--cdir", "y"}, "did you mean `cidr`?"},
      {{"ps", "-x"}, "'-x': no such flag"},
      {{"ps", "--all=yes"}, "--all: takes no value"},
      {{"ps", "--dry-run"}, "--dry-run: `weft ps` changes nothing"},
      {{"stop", "x", "--timeout", "5s"}, "--timeout: `weft stop` changes something: --wait says"},
      {{"stop", "x", "--consistent"}, "--consistent: `weft stop` isn't a command that only reads"},
      {{"sg", "create", "x", "--yes"}, "--yes: `weft sg create` doesn't ask"},
      {{"completion", "bash", "--socket", "/x"}, "--socket: `weft completion` doesn't need weftd"},
      {{"--socket", "/a"}, "flags alone: which command?"},
      {{"--socket"}, "flags alone: which command?"},
      {{"-o", "json"}, "flags alone: which command?"},
      {{"ps", "-o", "xml"}, "--output: 'xml' is neither table, wide, json, yaml nor name"},
      {{"sg", "allow", "g", "in", "all", "sg:a", "--for", "soon"}, "--for: 'soon' is not a duration"},
      {{"sg", "allow", "g", "in", "all", "sg:a", "--for", "1h", "--until", "2030-01-01T00:00:00Z"},
       "--for and --until exclude each other"},
      {{"run", "--memory", "-1", "x"}, "--memory: '-1' is not a size"},
      {{"run", "--cpus", "many", "x"}, "--cpus: 'many' is not a number such as 0.5 or 2"},
      {{"run", "--cpus", "0", "x"}, "--cpus"},
      {{"run", "--pids", "99999999999", "x"}, "--pids"},
      {{"run", "--env", "NOVALUE", "x"}, "--env: 'NOVALUE' is not of the form NAME=VALUE"},
      {{"run", "--env", "=x", "x"}, "--env"},
      {{"run", "--restart", "sometimes", "x"}, "--restart: 'sometimes' is neither no, on-failure nor always"},
      {{"run", "--tty", "--no-tty", "x"}, "exclude each other"},
      {{"--socket", "/a", "--context", "b", "ps"}, "exclude each other"},
      {{"vpc", "show", "a\x1b[31m"}, "contains a control character"},
      {{"vpc", "show", "a\nb"}, "contains a control character"},
      {{"vpc", "show", "\xff"}, "'\\xff' is not UTF-8"},
      {{"run", "\xff"}, "is not UTF-8"},
      {{"vpc", "show", std::string(kMostValueBytes + 1, 'x')}, "is too long: 4097 bytes, at most 4096"},
      {{"run", std::string(kMostWordBytes + 1, 'x')}, "is too long"},
      {{"vpc", "creat"}, "'creat': no such command of vpc; did you mean `create`?"},
      {{"vpx"}, "'vpx': no such command; did you mean `vpc`?"},
      {{"vpc"}, "vpc: which command of it?"},
      {{"--frob", "ps"}, "'--frob': no such flag in front of a command"},
      {{"--", "ps"}, "--: a command comes first"},
  };
  for (const Refused& refused : cases) {
    EXPECT_THAT(refusal_of(refused.words), HasSubstr(refused.why)) << testing::PrintToString(refused.words);
  }
}

TEST(Parse, WhatALaterVersionHas) {
  for (const char* noun : {"nat", "eip", "peering", "machine", "service", "publish", "ingress", "ping", "capture",
                           "metrics", "backup", "restore", "support", "policy", "cluster", "upgrade"}) {
    EXPECT_EQ(refusal_of({noun, "ls"}), std::string(noun) + ": not in this version");
  }
  EXPECT_THAT(refusal_of({"run", "--image", "x", "--", "y"}), HasSubstr("--image: not in this version"));
  EXPECT_THAT(refusal_of({"vpc", "create", "x", "--tenant=t"}), HasSubstr("--tenant: not in this version"));
  EXPECT_THAT(refusal_of({"--endpoint", "x:1", "ps"}), HasSubstr("--endpoint: not in this version"));
  EXPECT_THAT(refusal_of({"ps", "--endpoint", "x:1"}), HasSubstr("--endpoint: not in this version"));
}

TEST(Parse, TheFieldIsNamed) {
  const auto parsed = parse_words({"run", "--memory", "lots", "x"});
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().field, "memory");
}

TEST(Parse, WhatIsNeverSentHasANameToo) {
  EXPECT_EQ(parse_words({"completion", "tcsh"}).error().field, "shell");
  EXPECT_EQ(parse_words({"ps", "-o", "xml"}).error().field, "output");
}

TEST(Parse, RemovingWorkloadsNeverAsksAndMayBeTold) {
  EXPECT_EQ(request_of({"rm", "--force", "--yes", "web"}), Json({{"name", "web"}, {"force", true}}));
}

TEST(Parse, HelpOfEachLevel) {
  const auto help_of = [](const std::vector<std::string>& words) {
    const auto parsed = parse_words(words);
    return parsed.ok() && std::holds_alternative<HelpWanted>(*parsed) ? std::get<HelpWanted>(*parsed).name : "none";
  };
  EXPECT_EQ(help_of({}), "");
  EXPECT_EQ(help_of({"--help"}), "");
  EXPECT_EQ(help_of({"vpc", "--help"}), "vpc");
  EXPECT_EQ(help_of({"vpc", "create", "-h"}), "vpc create");
  EXPECT_EQ(help_of({"run", "--help", "--", "ls"}), "run");
  EXPECT_EQ(help_of({"run", "ls", "--help"}), "none");
}

TEST(Parse, EverythingAbsurdIsAnAnswer) {
  EXPECT_THAT(refusal_of({std::string(1 << 20, 'v')}), HasSubstr("no such command"));
  EXPECT_THAT(refusal_of({"vpc", std::string(1 << 20, '-')}), testing::Not(HasSubstr("accepted")));
  std::vector<std::string> many = {"pl", "create", "x"};
  many.resize(kMostValues + 10, "10.0.0.0/8");
  EXPECT_THAT(refusal_of(many), HasSubstr("more than"));
}

}  // namespace
}  // namespace weft::cli
