#include "api/testing.h"

namespace weft::api {
namespace {

using base::Code;

class BorderTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    call("Vpcs/Create", R"({"name":"shop","cidrs":["10.1.0.0/16"]})");
    call("Subnets/Create", R"({"name":"shop/app","cidr":"10.1.1.0/24"})");
    call("Subnets/Create", R"({"name":"shop/db","cidr":"10.1.2.0/24"})");
  }
  // "10.1.0.0/16 local active, 0.0.0.0/0 igw active"
  std::string routes(const std::string& table) {
    std::string all;
    const Json answer = call("Routes/List", R"({"table":")" + table + R"("})");
    for (const Json& item : answer["items"]) {
      all += (all.empty() ? "" : ", ") + item["destination"].get<std::string>() + " " +
             item["target"].get<std::string>() + " " + item["state"].get<std::string>();
    }
    return all;
  }
  std::string range6() { return call("Vpcs/Get", R"({"name":"shop"})")["cidr6"].get<std::string>(); }
};

TEST_F(BorderTest, AVpcComesWithAMainTableAndAnAclThatAllowsEverything) {
  const Json vpc = call("Vpcs/Get", R"({"name":"shop"})");
  EXPECT_EQ(vpc["main_table_name"], "main");
  EXPECT_EQ(vpc["tables"], 1);
  EXPECT_EQ(routes("shop/main"), "10.1.0.0/16 local active, " + range6() + " local active");
  const Json acl = call("Acls/Get", R"({"name":"shop/default"})");
  EXPECT_EQ(acl["default"], true);
  EXPECT_EQ(acl["subnets"], Json({"app", "db"}));
  ASSERT_EQ(acl["rules"].size(), 4u);
  EXPECT_EQ(acl["rules"][0]["number"], 100);
  EXPECT_EQ(acl["rules"][0]["action"], "allow");
  EXPECT_EQ(acl["rules"][0]["flows"], 5);
  const Json subnet = call("Subnets/Get", R"({"name":"shop/app"})");
  EXPECT_EQ(subnet["table_name"], "main");
  EXPECT_EQ(subnet["acl_name"], "default");
  EXPECT_EQ(subnet["public"], false);
}

TEST_F(BorderTest, AGatewayAndARouteToItMakeASubnetPublic) {
  EXPECT_EQ(refused("Routes/Add", R"({"table":"shop/main","destination":"0.0.0.0/0","target":"igw"})").code,
            Code::NotFound);
  call("InternetGateways/Attach", R"({"vpc":"shop"})");
  id_of("RouteTables/Create", R"({"name":"shop/public"})");
  call("Routes/Add", R"({"table":"shop/public","destination":"0.0.0.0/0","target":"igw"})");
  call("Subnets/Set", R"({"name":"shop/app","table":"public"})");
  EXPECT_EQ(call("Subnets/Get", R"({"name":"shop/app"})")["public"], true);
  EXPECT_EQ(call("Subnets/Get", R"({"name":"shop/db"})")["public"], false);
  EXPECT_EQ(call("RouteTables/Get", R"({"name":"shop/public"})")["subnets"], Json({"app"}));
  const Json gateways = call("InternetGateways/List", "{}")["items"];
  ASSERT_EQ(gateways.size(), 2u);
  EXPECT_EQ(gateways[1]["vpc_name"], "shop");
  EXPECT_EQ(gateways[1]["routes"], 1);
  // The gateway goes; the route stays, and shows where it leads.
  call("InternetGateways/Detach", R"({"vpc":"shop"})");
  EXPECT_EQ(routes("shop/public"), "10.1.0.0/16 local active, " + range6() + " local active, 0.0.0.0/0 igw blackhole");
  call("Subnets/Set", R"({"name":"shop/app","table":""})");
  EXPECT_EQ(call("Subnets/Get", R"({"name":"shop/app"})")["table_name"], "main");
  call("RouteTables/Remove", R"({"name":"shop/public"})");
  EXPECT_EQ(refused("RouteTables/Remove", R"({"name":"shop/main"})").code, Code::Conflict);
}

TEST_F(BorderTest, RoutesAreAddedOnceAndRemovedByTheirPrefix) {
  const std::string add = R"({"table":"shop/main","destination":"198.51.100.9/24","target":"blackhole"})";
  EXPECT_EQ(call("Routes/Add", add)["notes"], Json({"198.51.100.9/24 was taken as 198.51.100.0/24"}));
  call("Routes/Add", add);
  EXPECT_TRUE(backend_.last_changes.empty());
  const Error other =
      refused("Routes/Add", R"({"table":"shop/main","destination":"198.51.100.0/24","target":"tni:alpha"})");
  EXPECT_EQ(other.code, Code::Conflict);
  EXPECT_EQ(refused("Routes/Add", R"({"table":"shop/main","destination":"0.0.0.0/0","target":"west"})").field,
            "target");
  EXPECT_NE(refused("Routes/Add", R"({"table":"shop/main","destination":"0.0.0.0/0","target":"nat:n"})")
                .what.find("not in this version"),
            std::string::npos);
  EXPECT_EQ(refused("Routes/Add", R"({"table":"shop/main","destination":"here","target":"igw"})").field, "destination");
  EXPECT_EQ(refused("Routes/Remove", R"({"table":"shop/main","destination":"10.1.0.0/16"})").code, Code::Conflict);
  EXPECT_EQ(refused("Routes/Remove", R"({"table":"shop/main","destination":"192.0.2.0/24"})").code, Code::NotFound);
  call("Routes/Remove", R"({"table":"shop/main","destination":"198.51.100.0/24"})");
  EXPECT_EQ(refused("Routes/Remove", R"({"table":"shop/main","destination":"198.51.100.0/24"})").code, Code::NotFound);
}

TEST_F(BorderTest, ARouteLeadsToAnApplianceUntilThatIsGone) {
  call("Tnis/Create", R"({"name":"shop/wall","subnet":"shop/app","source_check":"off"})");
  call("Workloads/Run", R"({"name":"wall","tnis":["shop/wall"],"command":["a"]})");
  call("Routes/Add", R"({"table":"shop/main","destination":"10.1.2.0/24","target":"tni:wall"})");
  call("PrefixLists/Create", R"({"name":"far","prefixes":["203.0.113.0/24"]})");
  call("Routes/Add", R"({"table":"shop/main","destination":"pl:far","target":"tni:shop/wall"})");
  EXPECT_NE(routes("shop/main").find("10.1.2.0/24 tni:wall active, pl:far tni:wall active"), std::string::npos);
  call("Workloads/Remove", R"({"name":"wall","force":true})");
  EXPECT_NE(routes("shop/main").find("10.1.2.0/24 tni:wall blackhole"), std::string::npos);
  call("Tnis/Remove", R"({"name":"shop/wall"})");
  EXPECT_NE(routes("shop/main").find(" tni-"), std::string::npos);
}

TEST_F(BorderTest, AnEgressOnlyGatewayIsForIpv6) {
  call("Vpcs/Create", R"({"name":"four","cidrs":["10.4.0.0/16"],"cidr6":"none"})");
  EXPECT_EQ(refused("InternetGateways/Attach", R"({"vpc":"four","egress_only":true})").field, "egress_only");
  EXPECT_EQ(refused("InternetGateways/Attach", R"({"vpc":"shop","egress_only":true,"table":"main"})").field, "table");
  call("InternetGateways/Attach", R"({"vpc":"shop","egress_only":true})");
  EXPECT_EQ(refused("Routes/Add", R"({"table":"shop/main","destination":"0.0.0.0/0","target":"eigw"})").field,
            "target");
  call("Routes/Add", R"({"table":"shop/main","destination":"::/0","target":"eigw"})");
  EXPECT_EQ(call("Subnets/Get", R"({"name":"shop/app"})")["public"], false);
}

TEST_F(BorderTest, TheGatewayMayHaveATable) {
  call("InternetGateways/Attach", R"({"vpc":"shop"})");
  id_of("RouteTables/Create", R"({"name":"edge","vpc":"shop"})");
  call("InternetGateways/Attach", R"({"vpc":"shop","table":"edge"})");
  EXPECT_EQ(call("RouteTables/Get", R"({"name":"shop/edge"})")["gateway"], true);
  EXPECT_EQ(refused("RouteTables/Remove", R"({"name":"shop/edge"})").code, Code::Conflict);
  call("InternetGateways/Detach", R"({"vpc":"shop","table":"edge"})");
  EXPECT_EQ(call("Vpcs/Get", R"({"name":"shop"})")["internet"], "attached");
  call("RouteTables/Remove", R"({"name":"shop/edge"})");
}

TEST_F(BorderTest, AclRulesHaveANumberInEachDirection) {
  id_of("Acls/Create", R"({"name":"shop/closed"})");
  const std::string add =
      R"({"acl":"shop/closed","direction":"in","number":100,"action":"allow","traffic":"tcp:5432","prefix":"10.1.1.0/24"})";
  call("Acls/Add", add);
  call("Acls/Add", add);
  EXPECT_TRUE(backend_.last_changes.empty());
  EXPECT_EQ(refused("Acls/Add", R"({"acl":"shop/closed","number":100,"action":"deny","prefix":"10.1.1.0/24"})").code,
            Code::Conflict);
  EXPECT_EQ(refused("Acls/Add", R"({"acl":"shop/closed","number":32767,"prefix":"10.1.1.0/24"})").field, "number");
  EXPECT_EQ(refused("Acls/Add", R"({"acl":"shop/closed","number":7,"traffic":"icmp","prefix":"::/0"})").field,
            "traffic");
  call("Acls/Add", R"({"acl":"shop/closed","direction":"out","number":100,"traffic":"all","prefix":"0.0.0.0/0"})");
  call("Subnets/Set", R"({"name":"shop/db","acl":"closed"})");
  EXPECT_EQ(call("Acls/Get", R"({"name":"shop/closed"})")["subnets"], Json({"db"}));
  EXPECT_EQ(refused("Acls/Remove", R"({"name":"shop/closed"})").code, Code::Conflict);
  EXPECT_EQ(refused("Acls/Remove", R"({"name":"shop/closed","number":100})").field, "number");
  EXPECT_EQ(refused("Acls/Remove", R"({"name":"shop/closed","direction":"in","number":7})").code, Code::NotFound);
  call("Acls/Remove", R"({"name":"shop/closed","direction":"in","number":100})");
  EXPECT_EQ(call("Acls/Get", R"({"name":"shop/closed"})")["rules"].size(), 1u);
  call("Subnets/Set", R"({"name":"shop/db","acl":""})");
  call("Acls/Remove", R"({"name":"shop/closed"})");
}

TEST_F(BorderTest, AVpcTakesWithItWhatCameWithIt) {
  EXPECT_EQ(refused("Vpcs/Remove", R"({"name":"shop"})").code, Code::Conflict);
  call("Subnets/Remove", R"({"name":"shop/app"})");
  call("Subnets/Remove", R"({"name":"shop/db"})");
  id_of("RouteTables/Create", R"({"name":"shop/more"})");
  EXPECT_EQ(refused("Vpcs/Remove", R"({"name":"shop"})").code, Code::Conflict);
  call("RouteTables/Remove", R"({"name":"shop/more"})");
  call("Vpcs/Remove", R"({"name":"shop"})");
  EXPECT_EQ(call("RouteTables/List", R"({})")["items"].size(), 1u);
  EXPECT_EQ(call("Acls/List", R"({})")["items"].size(), 1u);
}

}  // namespace
}  // namespace weft::api
