#include "api/testing.h"

namespace weft::api {
namespace {

using base::Code;

class GroupTest : public ApiTest {
 protected:
  GroupTest() {
    call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
    call("Groups/Create", R"({"name":"web","vpc":"shop"})");
    call("Groups/Create", R"({"name":"db","vpc":"shop","on_revoke":"keep","description":"data"})");
  }
  Json rule(const std::string& group, const std::string& id) {
    const Json whole = call("Groups/Get", R"({"name":")" + group + R"("})");
    for (const Json& each : whole["rules"]) {
      if (each["id"] == id) return each;
    }
    ADD_FAILURE() << "no rule " << id;
    return {};
  }
};

TEST_F(GroupTest, ANewGroupLetsEverythingOutAndNothingIn) {
  const Json group = call("Groups/Get", R"({"name":"db"})");
  EXPECT_EQ(group["on_revoke"], "keep");
  EXPECT_EQ(group["rules_in"], 0);
  EXPECT_EQ(group["rules_out"], 2);
  EXPECT_EQ(group["rules"][0]["traffic"], "all");
}

TEST_F(GroupTest, AllowsByPrefixGroupAndList) {
  call("PrefixLists/Create", R"({"name":"office","prefixes":["192.0.2.0/24","192.0.2.0/24","198.51.100.7"]})");
  EXPECT_EQ(call("PrefixLists/Get", R"({"name":"office"})")["prefixes"], Json({"192.0.2.0/24", "198.51.100.7/32"}));
  const auto allow = [&](const std::string& peer) {
    return id_of("Groups/Allow", R"({"group":"db","direction":"in","traffic":"tcp:5432","peer":")" + peer + R"("})");
  };
  EXPECT_EQ(rule("db", allow("sg:web"))["peer_name"], "sg:web");
  EXPECT_EQ(rule("db", allow("pl:office"))["peer_name"], "pl:office");
  EXPECT_EQ(rule("db", allow("10.0.1.0/24"))["peer_name"], "10.0.1.0/24");
  EXPECT_EQ(rule("db", allow("2001:db8::/32"))["peer_name"], "2001:db8::/32");
  const std::string web = call("Groups/Get", R"({"name":"shop/web"})")["id"];
  EXPECT_EQ(allow(web), allow("sg:shop/web"));
  EXPECT_EQ(call("PrefixLists/Get", R"({"name":"office"})")["rules"], 1);
}

TEST_F(GroupTest, AllowAgainIsTheSameRule) {
  const std::string request = R"({"group":"db","direction":"in","traffic":"tcp:5432","peer":"sg:web"})";
  EXPECT_EQ(id_of("Groups/Allow", request), id_of("Groups/Allow", request));
}

TEST_F(GroupTest, ARuleEndsAndIsExtended) {
  const std::string request = R"({"group":"db","traffic":"tcp:22","peer":"0.0.0.0/0","for":"4h"})";
  const std::string id = id_of("Groups/Allow", request);
  const Json before = rule("db", id);
  EXPECT_EQ(before["expired"], false);
  backend_.pass(std::chrono::hours(5));
  EXPECT_EQ(rule("db", id)["expired"], true);
  EXPECT_EQ(id_of("Groups/Allow", request), id);
  EXPECT_EQ(rule("db", id)["expired"], false);
  EXPECT_GT(rule("db", id)["until"], before["until"]);
}

TEST_F(GroupTest, WhatIsAllowedForEverIsNotMadeToEnd) {
  const std::string id = id_of("Groups/Allow", R"({"group":"db","traffic":"tcp:22","peer":"0.0.0.0/0"})");
  const Error told = refused("Groups/Allow", R"({"group":"db","traffic":"tcp:22","peer":"0.0.0.0/0","for":"4h"})");
  EXPECT_EQ(told.code, Code::Conflict);
  EXPECT_EQ(told.holder, id);
}

TEST_F(GroupTest, RefusesBadRules) {
  struct Case {
    const char* request;
    Code code;
    const char* field;
  };
  const Case cases[] = {
      {R"({"group":"no","traffic":"tcp","peer":"0.0.0.0/0"})", Code::NotFound, "group"},
      {R"({"group":"db","traffic":"tcp:80-22","peer":"0.0.0.0/0"})", Code::Usage, "traffic"},
      {R"({"group":"db","traffic":"","peer":"0.0.0.0/0"})", Code::Usage, "traffic"},
      {R"({"group":"db","traffic":"all:80","peer":"0.0.0.0/0"})", Code::Usage, "traffic"},
      {R"({"group":"db","traffic":"tcp:-1","peer":"0.0.0.0/0"})", Code::Usage, "traffic"},
      {R"({"group":"db","traffic":"tcp:70000","peer":"0.0.0.0/0"})", Code::Usage, "traffic"},
      {R"({"group":"db","traffic":"tcp","peer":"everywhere"})", Code::Usage, "peer"},
      {R"({"group":"db","traffic":"tcp","peer":"sg:nobody"})", Code::NotFound, "peer"},
      {R"({"group":"db","traffic":"tcp","peer":"sg:default/default"})", Code::Usage, "peer"},
      {R"({"group":"db","traffic":"tcp","peer":"pl:none"})", Code::NotFound, "peer"},
      {R"({"group":"db","traffic":"tcp","peer":"10.0.0.0/8","for":"soon"})", Code::Usage, "for"},
      {R"({"group":"db","traffic":"tcp","peer":"10.0.0.0/8","until":"2001-01-01T00:00:00Z"})", Code::Usage, "until"},
      {R"({"group":"db","traffic":"tcp","peer":"10.0.0.0/8","until":"2100-01-01T00:00:00Z","for":"1h"})", Code::Usage,
       "until"},
      {R"({"group":"db","traffic":"icmp","peer":"::/0"})", Code::Usage, "traffic"},
      {R"({"group":"db","traffic":"1","peer":"2001:db8::1/128"})", Code::Usage, "traffic"},
      {R"({"group":"db","traffic":"icmpv6:128","peer":"10.0.0.0/8"})", Code::Usage, "traffic"},
      {R"({"group":"db","direction":"up","traffic":"tcp","peer":"10.0.0.0/8"})", Code::Usage, "direction"},
      {R"({"group":"db","traffic":"tcp","peer":"10.0.0.0/8","description":"a\u0000b"})", Code::Usage, "description"},
  };
  for (const Case& each : cases) {
    const Error told = refused("Groups/Allow", each.request);
    EXPECT_EQ(told.code, each.code) << each.request << told.what;
    EXPECT_EQ(told.field, each.field) << each.request << told.what;
  }
}

TEST_F(GroupTest, IcmpIsOfOneFamily) {
  const auto allow = [&](const char* traffic, const char* peer) {
    return Json{{"group", "db"}, {"traffic", traffic}, {"peer", peer}}.dump();
  };
  EXPECT_EQ(refused("Groups/Allow", allow("icmp", "::/0")).what, "icmp is never of IPv6: with ::/0 write icmpv6");
  EXPECT_EQ(refused("Groups/Allow", allow("icmpv6:128", "10.0.0.0/8")).what,
            "icmpv6:128 is never of IPv4: with 10.0.0.0/8 write icmp, whose types differ");
  for (const auto& [traffic, peer] : std::vector<std::pair<const char*, const char*>>{
           {"icmp", "0.0.0.0/0"}, {"icmpv6", "::/0"}, {"icmp", "sg:web"}, {"icmpv6", "sg:web"}, {"all", "::/0"}}) {
    call("Groups/Allow", allow(traffic, peer));
  }
}

TEST_F(GroupTest, ARuleThatWasAgreedBeforeItWasRefusedStays) {
  model::Rule rule;
  rule.id = model::RuleId{"sgr-0000000000000007"};
  rule.group = model::GroupId{call("Groups/Get", R"({"name":"db"})")["id"]};
  rule.traffic.protocol = model::kIcmp;
  rule.peer = net::Prefix::any(net::Family::V6);
  model::State state = backend_.state();
  EXPECT_FALSE(state.apply({.at = {}, .actor = {}, .operations = {model::Put{rule}}}).ok());
  ASSERT_TRUE(state.replay({.at = {}, .actor = {}, .operations = {model::Put{rule}}}).ok());
  rule.description = "from long ago";
  EXPECT_TRUE(state.apply({.at = {}, .actor = {}, .operations = {model::Put{rule}}}).ok());
}

TEST_F(GroupTest, RevokesSeveralOrNone) {
  const std::string one = id_of("Groups/Allow", R"({"group":"db","traffic":"tcp:1","peer":"10.0.0.0/8"})");
  const std::string two = id_of("Groups/Allow", R"({"group":"db","traffic":"tcp:2","peer":"10.0.0.0/8"})");
  EXPECT_EQ(refused("Groups/Revoke", R"({"rules":[")" + one + R"(","sgr-0000000000000000"]})").field, "rules[1]");
  EXPECT_EQ(refused("Groups/Revoke", R"({"rules":["db"]})").code, Code::Usage);
  EXPECT_EQ(refused("Groups/Revoke", R"({})").code, Code::Usage);
  EXPECT_TRUE(refused("Groups/Allow", R"({"group":"db","traffic":"tcp:-1","peer":"::/0"})").what.starts_with("'-1'"));
  call("Groups/Revoke", R"({"rules":[")" + one + R"(",")" + two + R"(",")" + one + R"("]})");
  EXPECT_EQ(call("Groups/Get", R"({"name":"db"})")["rules_in"], 0);
}

TEST_F(GroupTest, AGroupGoesWithItsRulesUnlessOthersNameIt) {
  const std::string rule_id = id_of("Groups/Allow", R"({"group":"db","traffic":"tcp:1","peer":"sg:web"})");
  const Error told = refused("Groups/Remove", R"({"name":"web"})");
  EXPECT_EQ(told.code, Code::Conflict);
  EXPECT_EQ(told.holder, rule_id);
  call("Groups/Remove", R"({"name":"db"})");
  call("Groups/Remove", R"({"name":"web"})");
  EXPECT_EQ(refused("Groups/Remove", R"({"name":"shop/default"})").code, Code::Conflict);
  EXPECT_EQ(call("Groups/List", R"({"vpc":"shop"})")["items"].size(), 1u);
}

TEST_F(GroupTest, SetsWhatIsNamed) {
  call("Groups/Set", R"({"name":"db","on_revoke":"cut"})");
  const Json group = call("Groups/Get", R"({"name":"db"})");
  EXPECT_EQ(group["on_revoke"], "cut");
  EXPECT_EQ(group["description"], "data");
}

TEST_F(GroupTest, PrefixListsGrowAndShrink) {
  call("PrefixLists/Create", R"({"name":"office","prefixes":["192.0.2.0/24"]})");
  call("PrefixLists/Set", R"({"name":"office","add":["198.51.100.0/24"],"remove":["192.0.2.0/24"]})");
  EXPECT_EQ(call("PrefixLists/Get", R"({"name":"office"})")["prefixes"], Json({"198.51.100.0/24"}));
  EXPECT_EQ(refused("PrefixLists/Set", R"({"name":"office","remove":["192.0.2.0/24"]})").code, Code::NotFound);
  EXPECT_EQ(call("PrefixLists/List", "{}")["items"].size(), 1u);
  call("PrefixLists/Remove", R"({"name":"office"})");
}

}  // namespace
}  // namespace weft::api
