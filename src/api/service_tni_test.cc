#include <set>

#include "api/testing.h"

namespace weft::api {
namespace {

using base::Code;

class TniTest : public ApiTest {
 protected:
  TniTest() {
    call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"],"cidr6":"fd12:3456:789a:bc00::/56"})");
    call("Subnets/Create", R"({"name":"app","vpc":"shop","cidr":"10.0.1.0/24"})");
    call("Subnets/Create", R"({"name":"tiny","vpc":"shop","cidr":"10.0.2.0/28"})");
    call("Groups/Create", R"({"name":"web","vpc":"shop"})");
  }
  std::string run(const std::string& name) {
    return id_of("Workloads/Run", R"({"name":")" + name + R"(","command":["sleep","1"]})");
  }
  Json tni(const std::string& name) { return call("Tnis/Get", R"({"name":")" + name + R"("})"); }
};

TEST_F(TniTest, OwnsAddressesAMacAndGroups) {
  const std::string id = id_of("Tnis/Create", R"({"name":"web1","subnet":"app","groups":["web","default"]})");
  const Json made = tni("web1");
  EXPECT_EQ(made["id"], id);
  EXPECT_EQ(made["ip"], "10.0.1.4");
  EXPECT_EQ(made["ip6"], "fd12:3456:789a:bc00::4");
  EXPECT_EQ(made["group_names"].size(), 2u);
  EXPECT_EQ(made["vpc_name"], "shop");
  EXPECT_EQ(made["subnet_name"], "app");
  EXPECT_EQ(made["workload"], "");
  const std::string mac = made["mac"];
  EXPECT_EQ(std::stoi(mac.substr(0, 2), nullptr, 16) & 3, 2);
}

TEST_F(TniTest, CreateAgainIsTheSame) {
  const std::string request = R"({"name":"web1","subnet":"app"})";
  const std::string id = id_of("Tnis/Create", request);
  EXPECT_EQ(id_of("Tnis/Create", request), id);
  EXPECT_EQ(refused("Tnis/Create", R"({"name":"web1","subnet":"app","ips":["10.0.1.9"]})").field, "ip");
  EXPECT_EQ(refused("Tnis/Create", R"({"name":"web1","subnet":"app","groups":["web"]})").field, "groups");
}

TEST_F(TniTest, WhatIsNotEnforcedIsToldWithTheAnswer) {
  run("one");
  run("two");
  const std::string id = id_of("Tnis/Create", R"({"name":"web1","subnet":"app"})");
  EXPECT_TRUE(call("Tnis/Attach", R"({"tni":"web1","workload":"one"})").value("notes", Json::array()).empty());
  backend_.problems_ = {{.id = id, .what = "no such device", .since = {}},
                        {.id = "tni-0000000000000077", .what = "another's", .since = {}},
                        {.id = "", .what = "known before", .since = {}}};
  const Json moved = call("Tnis/Move", R"({"tni":"web1","workload":"two"})");
  EXPECT_EQ(moved["notes"], Json({"agreed, but not all of it holds here: web1: no such device"}));
}

TEST_F(TniTest, AddressesThatTheUserNames) {
  call("Tnis/Create", R"({"name":"a","subnet":"app","ips":["10.0.1.50","10.0.1.51"],"ip6":"fd12:3456:789a:bc00::99"})");
  EXPECT_EQ(tni("a")["secondary"], Json({"10.0.1.51"}));
  const std::string a = tni("a")["id"];
  struct Case {
    const char* request;
    Code code;
    const char* field;
  };
  const Case cases[] = {
      {R"({"name":"b","subnet":"app","ips":["10.0.1.50"]})", Code::Conflict, "ip"},
      {R"({"name":"b","subnet":"app","ips":["10.0.1.1"]})", Code::Conflict, "ip"},
      {R"({"name":"b","subnet":"app","ips":["10.0.1.255"]})", Code::Conflict, "ip"},
      {R"({"name":"b","subnet":"app","ips":["10.0.2.9"]})", Code::Usage, "ip"},
      {R"({"name":"b","subnet":"app","ips":["10.0.1.300"]})", Code::Usage, "ip"},
      {R"({"name":"b","subnet":"app","ips":["10.0.1.60","10.0.1.51"]})", Code::Conflict, "secondary"},
      {R"({"name":"b","subnet":"app","ips":["10.0.1.60","x"]})", Code::Usage, "secondary[0]"},
      {R"({"name":"b","subnet":"app","ip6":"fd12:3456:789a:bc00::99"})", Code::Conflict, "ip6"},
      {R"({"name":"b","subnet":"app","groups":["nobody"]})", Code::NotFound, "groups[0]"},
      {R"({"name":"b","subnet":"app","groups":["web","default/default"]})", Code::Usage, "groups[1]"},
      {R"({"name":"b","subnet":"nowhere"})", Code::NotFound, "subnet"},
      {R"({"name":"_","subnet":"app"})", Code::Usage, "name"},
  };
  for (const Case& each : cases) {
    const Error told = refused("Tnis/Create", each.request);
    EXPECT_EQ(told.code, each.code) << each.request << told.what;
    EXPECT_EQ(told.field, each.field) << each.request << told.what;
  }
  EXPECT_EQ(refused("Tnis/Create", R"({"name":"b","subnet":"app","ips":["10.0.1.50"]})").holder, a);
}

TEST_F(TniTest, ASmallSubnetIsUsedToTheLastAddress) {
  std::set<std::string> ips;
  for (int i = 0; i < 11; ++i) {
    const std::string name = fmt::format("t{}", i);
    call("Tnis/Create", R"({"name":")" + name + R"(","subnet":"tiny"})");
    ips.insert(tni(name)["ip"]);
  }
  EXPECT_EQ(ips.size(), 11u);
  EXPECT_FALSE(ips.contains("10.0.2.3"));
  EXPECT_FALSE(ips.contains("10.0.2.15"));
  EXPECT_EQ(refused("Tnis/Create", R"({"name":"more","subnet":"tiny"})").code, Code::Limit);
  // A freed address rests, then it is handed out again.
  call("Tnis/Remove", R"({"name":"t5"})");
  EXPECT_EQ(refused("Tnis/Create", R"({"name":"more","subnet":"tiny"})").code, Code::Limit);
  backend_.pass(model::kAddressRest);
  call("Tnis/Create", R"({"name":"more","subnet":"tiny"})");
  EXPECT_TRUE(ips.contains(tni("more")["ip"]));
}

TEST_F(TniTest, BlocksAreLeasedOnDemand) {
  std::set<std::string> ips;
  for (int i = 0; i < 40; ++i) {
    const std::string name = fmt::format("t{}", i);
    call("Tnis/Create", R"({"name":")" + name + R"(","subnet":"app"})");
    ips.insert(tni(name)["ip"]);
  }
  EXPECT_EQ(ips.size(), 40u);
  EXPECT_EQ(call("Subnets/Get", R"({"name":"app"})")["blocks"].size(), 3u);  // 12 + 16 + 12 of /28
}

TEST_F(TniTest, TheDefaultSubnetHandsOutItsSecondTwentyFourFirst) {
  const Json machine = call("Tnis/Get", R"({"name":"alpha"})");
  EXPECT_EQ(machine["ip"], "10.210.1.1");
  std::set<std::string> ips;
  for (int i = 0; i < 300; ++i) {
    const std::string name = fmt::format("t{}", i);
    call("Tnis/Create", R"({"name":")" + name + R"("})");
    ips.insert(tni(name)["ip"]);
  }
  EXPECT_EQ(ips.size(), 300u);
  EXPECT_EQ(tni("t0")["ip"], "10.210.1.2");
  EXPECT_EQ(tni("t252")["ip"], "10.210.1.254");
  EXPECT_EQ(tni("t253")["ip"], "10.210.2.2");
}

TEST_F(TniTest, IsAttachedMovedAndDetached) {
  run("one");
  run("two");
  call("Tnis/Create", R"({"name":"float","subnet":"app"})");
  const Json before = tni("float");
  call("Tnis/Attach", R"({"tni":"float","workload":"one"})");
  EXPECT_EQ(tni("float")["workload_name"], "one");
  EXPECT_EQ(tni("float")["device_name"], "eth1");
  EXPECT_NE(tni("float")["netns"], "");
  call("Tnis/Attach", R"({"tni":"float","workload":"one"})");  // again
  EXPECT_TRUE(backend_.last_changes.empty());
  const Error told = refused("Tnis/Attach", R"({"tni":"float","workload":"two"})");
  EXPECT_EQ(told.code, Code::Conflict);
  EXPECT_EQ(refused("Tnis/Remove", R"({"name":"float"})").code, Code::Conflict);
  call("Tnis/Move", R"({"tni":"float","workload":"two"})");
  Json after = tni("float");
  EXPECT_EQ(after["workload_name"], "two");
  for (const char* same : {"id", "ip", "ip6", "mac", "groups", "subnet"}) EXPECT_EQ(after[same], before[same]) << same;
  EXPECT_GT(after["epoch"], before["epoch"]);
  call("Tnis/Detach", R"({"tni":"float"})");
  call("Tnis/Detach", R"({"tni":"float"})");
  EXPECT_EQ(tni("float")["workload"], "");
  EXPECT_EQ(tni("float")["machine"], "");
  call("Tnis/Remove", R"({"name":"float"})");
}

TEST_F(TniTest, TheMachinesOwnStaysWithIt) {
  run("one");
  EXPECT_EQ(refused("Tnis/Move", R"({"tni":"alpha","workload":"one"})").code, Code::Conflict);
  EXPECT_EQ(refused("Tnis/Detach", R"({"tni":"alpha"})").code, Code::Conflict);
  EXPECT_EQ(refused("Tnis/Remove", R"({"name":"alpha"})").code, Code::Conflict);
  call("Tnis/Create", R"({"name":"float","subnet":"app"})");
  EXPECT_EQ(refused("Tnis/Attach", R"({"tni":"float","workload":"alpha"})").code, Code::Conflict);
}

TEST_F(TniTest, SetsWhatIsNamed) {
  call("Tnis/Create", R"({"name":"a","subnet":"app"})");
  call("Tnis/Set", R"({"name":"a","groups":["web"],"source_check":"off","timeouts":{"udp_one_way":5}})");
  const Json set = tni("a");
  EXPECT_EQ(set["group_names"], Json({"web"}));
  EXPECT_EQ(set["source_check"], "off");
  EXPECT_EQ(set["timeouts"]["udp_one_way"], 5);
  EXPECT_EQ(set["timeouts"]["tcp_established"], 432000);
  call("Tnis/Set", R"({"name":"a","timeouts":{"other":7}})");
  EXPECT_EQ(tni("a")["timeouts"]["udp_one_way"], 5);
  EXPECT_EQ(tni("a")["source_check"], "off");
}

TEST_F(TniTest, AUnitGetsADropIn) {
  call("Workloads/Run", R"({"name":"pg","external":true})");
  const Json answer = call("Tnis/UnitDropin", R"({"tni":"pg","unit":"postgresql"})");
  EXPECT_EQ(answer["path"], "/etc/systemd/system/postgresql.service.d/weft.conf");
  const std::string text = answer["text"];
  EXPECT_NE(text.find("\nNetworkNamespacePath=/run/weft/netns/w-"), std::string::npos) << text;
  EXPECT_NE(text.find("\nAfter=weftd.service\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("Requires="), std::string::npos) << text;
  for (const char* unit : {"", "a b", "../x", "x.timer", "x\\n[Service]"}) {
    EXPECT_EQ(refused("Tnis/UnitDropin", Json{{"tni", "pg"}, {"unit", unit}}.dump()).field, "unit") << unit;
  }
  run("one");
  EXPECT_EQ(refused("Tnis/UnitDropin", R"({"tni":"one","unit":"x"})").code, Code::Conflict);
}

}  // namespace
}  // namespace weft::api
