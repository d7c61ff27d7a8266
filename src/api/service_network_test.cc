#include "api/testing.h"

namespace weft::api {
namespace {

using base::Code;

using NetworkTest = ApiTest;

TEST_F(NetworkTest, AVpcComesWithItsGroupAndAnIpv6Range) {
  const std::string id = id_of("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
  const Json vpc = call("Vpcs/Get", R"({"name":"shop"})");
  EXPECT_EQ(vpc["id"], id);
  EXPECT_EQ(vpc["cidrs"], Json({"10.0.0.0/16"}));
  EXPECT_TRUE(vpc["cidr6"].get<std::string>().starts_with("fd"));
  EXPECT_TRUE(vpc["cidr6"].get<std::string>().ends_with("/56"));
  EXPECT_EQ(vpc["internet"], "none");
  EXPECT_EQ(vpc["default_group_name"], "default");
  const Json group = call("Groups/Get", R"({"name":"shop/default"})");
  EXPECT_EQ(group["rules_in"], 1);
  EXPECT_EQ(group["rules_out"], 2);
  EXPECT_EQ(call("Vpcs/List", "{}")["items"].size(), 2u);  // and the default VPC
}

TEST_F(NetworkTest, ListsStandInTheOrderOfNames) {
  for (const char* vpc : {"shop", "lab", "zoo", "bar"}) {
    const std::string name = vpc;
    call("Vpcs/Create", R"({"cidrs":["10.0.0.0/16"],"name":")" + name + R"("})");
    call("Subnets/Create", R"({"name":"web","cidr":"10.0.2.0/24","vpc":")" + name + R"("})");
    call("Subnets/Create", R"({"name":"app","cidr":"10.0.1.0/24","vpc":")" + name + R"("})");
    call("Groups/Create", R"({"name":"app","vpc":")" + name + R"("})");
    call("Tnis/Create", R"({"name":"web","subnet":")" + name + R"(/app"})");
    call("Tnis/Create", R"({"name":"db","subnet":")" + name + R"(/web"})");
    call("PrefixLists/Create", R"({"prefixes":["192.0.2.0/24"],"name":")" + name + R"("})");
    call("Workloads/Run", R"({"command":["a"],"name":")" + name + R"("})");
  }
  const auto names = [&](const char* method, const char* request) {
    std::string all;
    const Json answer = call(method, request);
    for (const Json& item : answer["items"]) {
      const std::string vpc = item.value("vpc_name", "");
      all += (all.empty() ? "" : " ") + (vpc.empty() ? "" : vpc + "/") + item["name"].get<std::string>();
    }
    return all;
  };
  EXPECT_EQ(names("Vpcs/List", "{}"), "bar default lab shop zoo");
  EXPECT_EQ(names("Subnets/List", "{}"),
            "bar/app bar/web default/default lab/app lab/web shop/app shop/web zoo/app zoo/web");
  EXPECT_EQ(names("Subnets/List", R"({"vpc":"lab"})"), "lab/app lab/web");
  EXPECT_EQ(names("Groups/List", "{}"),
            "bar/app bar/default default/default lab/app lab/default shop/app shop/default zoo/app zoo/default");
  EXPECT_EQ(names("Groups/List", R"({"vpc":"zoo"})"), "zoo/app zoo/default");
  EXPECT_EQ(names("Tnis/List", R"({"vpc":"shop"})"), "shop/db shop/web");
  EXPECT_EQ(names("Tnis/List", "{}"),
            "bar/db bar/web default/alpha default/bar default/lab default/shop default/zoo lab/db lab/web shop/db "
            "shop/web zoo/db zoo/web");
  EXPECT_EQ(names("PrefixLists/List", "{}"), "bar lab shop zoo");
  EXPECT_EQ(names("Workloads/List", R"({"all":true})"), "alpha bar lab shop zoo");
  EXPECT_EQ(call("Groups/Get", R"({"name":"shop/default"})")["members"], Json({"db", "web"}));
}

TEST_F(NetworkTest, CreateAgainIsTheSameOrAConflict) {
  const std::string request = R"({"name":"shop","cidrs":["10.0.0.0/16"]})";
  const std::string id = id_of("Vpcs/Create", request);
  EXPECT_EQ(id_of("Vpcs/Create", request), id);
  EXPECT_TRUE(backend_.last_changes.empty());
  const Error other = refused("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16","10.1.0.0/16"]})");
  EXPECT_EQ(other.code, Code::Conflict);
  EXPECT_EQ(other.field, "cidrs");
  EXPECT_EQ(other.holder, id);
  EXPECT_EQ(refused("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"],"cidr6":"none"})").field, "cidr6");
}

TEST_F(NetworkTest, HostBitsAreClearedAndToldSo) {
  const Json answer = call("Vpcs/Create", R"({"name":"shop","cidrs":["100.68.0.18/18"]})");
  EXPECT_EQ(answer["notes"], Json({"100.68.0.18/18 was taken as 100.68.0.0/18"}));
  EXPECT_EQ(call("Vpcs/Get", R"({"name":"shop"})")["cidrs"], Json({"100.68.0.0/18"}));
}

TEST_F(NetworkTest, ADryRunTellsAndChangesNothing) {
  const auto before = backend_.state().objects();
  const Json answer = call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"],"dry_run":true})");
  EXPECT_EQ(backend_.state().objects(), before);
  ASSERT_EQ(answer["changes"].size(), 11u);  // the VPC, its group, table and ACL, seven rules
  for (const Json& change : answer["changes"]) EXPECT_EQ(change["action"], "create");
}

TEST_F(NetworkTest, RefusesBadVpcs) {
  struct Case {
    const char* request;
    Code code;
    const char* field;
  };
  const Case cases[] = {
      {R"({"name":"shop"})", Code::Usage, "cidrs"},
      {R"({"cidrs":["10.0.0.0/16"]})", Code::Usage, "name"},
      {R"({"name":"Shop!","cidrs":["10.0.0.0/16"]})", Code::Usage, "name"},
      {R"({"name":"shop","cidrs":["10.0.0.0/33"]})", Code::Usage, "cidrs[0]"},
      {R"({"name":"shop","cidrs":["10.0.0.0/16","x"]})", Code::Usage, "cidrs[1]"},
      {R"({"name":"shop","cidrs":["10.0.0.0/8"]})", Code::Usage, "cidrs"},
      {R"({"name":"shop","cidrs":["fd00::/56"]})", Code::Usage, "cidrs"},
      {R"({"name":"shop","cidrs":["10.0.0.0/16","10.0.1.0/24"]})", Code::Conflict, "cidrs"},
      {R"({"name":"shop","cidrs":["10.0.0.0/16"],"cidr6":"10.0.0.0/16"})", Code::Usage, "cidr6"},
      {R"({"name":"default","cidrs":["10.0.0.0/16"]})", Code::Conflict, "cidrs"},
  };
  for (const Case& each : cases) {
    const Error told = refused("Vpcs/Create", each.request);
    EXPECT_EQ(told.code, each.code) << each.request << told.what;
    EXPECT_EQ(told.field, each.field) << each.request << told.what;
  }
}

TEST_F(NetworkTest, AVpcCanBeExtended) {
  call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
  call("Vpcs/Set", R"({"name":"shop","add_cidrs":["10.1.0.0/16"]})");
  call("Vpcs/Set", R"({"name":"shop","add_cidrs":["10.1.0.0/16"]})");
  const Json vpc = call("Vpcs/Get", R"({"name":"shop"})");
  EXPECT_EQ(vpc["cidrs"], Json({"10.0.0.0/16", "10.1.0.0/16"}));
  call("RouteTables/Create", R"({"name":"shop/other"})");
  call("Vpcs/Set", R"({"name":"shop","main_table":"other"})");
  EXPECT_EQ(call("Vpcs/Get", R"({"name":"shop"})")["main_table_name"], "other");
}

TEST_F(NetworkTest, AVpcGoesWithItsDefaultGroupAndNotBeforeItsSubnets) {
  call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
  const auto empty = backend_.state().objects().size() - 11;
  call("Subnets/Create", R"({"name":"app","vpc":"shop","cidr":"10.0.1.0/24"})");
  const Error told = refused("Vpcs/Remove", R"({"name":"shop"})");
  EXPECT_EQ(told.code, Code::Conflict);
  EXPECT_TRUE(told.holder.starts_with("subnet-")) << told.holder;
  call("Subnets/Remove", R"({"name":"app"})");
  call("Vpcs/Remove", R"({"name":"shop"})");
  EXPECT_EQ(backend_.state().objects().size(), empty);
}

TEST_F(NetworkTest, SubnetsGetTheNextFreeIpv6Range) {
  call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"],"cidr6":"fd12:3456:789a:bc00::/56"})");
  call("Subnets/Create", R"({"name":"a","vpc":"shop","cidr":"10.0.1.0/24"})");
  call("Subnets/Create", R"({"name":"b","vpc":"shop","cidr":"10.0.2.0/24","cidr6":"fd12:3456:789a:bc01::/64"})");
  call("Subnets/Create", R"({"name":"c","vpc":"shop","cidr":"10.0.3.0/24"})");
  call("Subnets/Create", R"({"name":"d","vpc":"shop","cidr":"10.0.4.0/24","cidr6":"none"})");
  EXPECT_EQ(call("Subnets/Get", R"({"name":"a"})")["cidr6"], "fd12:3456:789a:bc00::/64");
  EXPECT_EQ(call("Subnets/Get", R"({"name":"c"})")["cidr6"], "fd12:3456:789a:bc02::/64");
  EXPECT_FALSE(call("Subnets/Get", R"({"name":"d"})").contains("cidr6"));
  call("Subnets/Set", R"({"name":"d","cidr6":"auto"})");
  EXPECT_EQ(call("Subnets/Get", R"({"name":"d"})")["cidr6"], "fd12:3456:789a:bc03::/64");
  EXPECT_EQ(call("Subnets/List", R"({"vpc":"shop"})")["items"].size(), 4u);
}

TEST_F(NetworkTest, ASubnetTellsWhatItHas) {
  call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
  call("Subnets/Create", R"({"name":"app","vpc":"shop","cidr":"10.0.1.0/28"})");
  call("Tnis/Create", R"({"name":"web","subnet":"app"})");
  const Json subnet = call("Subnets/Get", R"({"name":"shop/app"})");
  EXPECT_EQ(subnet["router"], "10.0.1.1");
  EXPECT_EQ(subnet["resolver"], "10.0.1.2");
  EXPECT_EQ(subnet["free"], 16 - 5 - 1);
  EXPECT_EQ(subnet["tnis"], 1);
  EXPECT_EQ(subnet["vpc_name"], "shop");
  EXPECT_EQ(subnet["blocks"], Json({"10.0.1.4/32"}));
}

TEST_F(NetworkTest, ANameMaySayItsVpc) {
  const std::string shop = id_of("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
  call("Vpcs/Create", R"({"name":"lab","cidrs":["10.0.0.0/16"]})");
  const std::string subnet = R"({"cidr":"10.0.1.0/24","name":"shop/app")";
  const Json made = call("Subnets/Create", subnet + "}");
  EXPECT_EQ(made["name"], "app");
  EXPECT_EQ(call("Subnets/Get", R"({"name":"shop/app"})")["vpc"], shop);
  EXPECT_EQ(call("Subnets/Create", subnet + R"(,"vpc":"shop"})")["id"], made["id"]);
  EXPECT_EQ(call("Subnets/Create", subnet + R"(,"vpc":")" + shop + R"("})")["id"], made["id"]);
  EXPECT_EQ(call("Groups/Create", R"({"name":"shop/web"})")["name"], "web");
  EXPECT_EQ(call("Groups/Get", R"({"name":"shop/web"})")["vpc"], shop);
  EXPECT_EQ(call("Tnis/Create", R"({"name":"shop/db","subnet":"app"})")["name"], "db");
  EXPECT_EQ(call("Tnis/Get", R"({"name":"shop/db"})")["subnet_name"], "app");
  call("Tnis/Create", R"({"name":"default/db"})");
  EXPECT_EQ(call("Tnis/Get", R"({"name":"default/db"})")["subnet_name"], "default");

  struct Case {
    const char* method;
    const char* request;
    Code code;
    const char* field;
  };
  const Case cases[] = {
      {"Subnets/Create", R"({"name":"shop/x","vpc":"lab","cidr":"10.0.2.0/24"})", Code::Usage, "vpc"},
      {"Subnets/Create", R"({"name":"nowhere/x","cidr":"10.0.2.0/24"})", Code::NotFound, "vpc"},
      {"Subnets/Create", R"({"name":"shop/","cidr":"10.0.2.0/24"})", Code::Usage, "name"},
      {"Subnets/Create", R"({"name":"shop/a/b","cidr":"10.0.2.0/24"})", Code::Usage, "name"},
      {"Groups/Create", R"({"name":"shop/x","vpc":"lab"})", Code::Usage, "vpc"},
      {"Groups/Create", R"({"name":"/x"})", Code::Usage, "name"},
      {"Tnis/Create", R"({"name":"lab/x","subnet":"shop/app"})", Code::Usage, "subnet"},
      {"Tnis/Create", R"({"name":"lab/x","subnet":"app"})", Code::Usage, "subnet"},
      {"Tnis/Create", R"({"name":"lab/x"})", Code::NotFound, "subnet"},
      {"Tnis/Create", R"({"name":"nowhere/x","subnet":"app"})", Code::NotFound, "name"},
  };
  for (const Case& each : cases) {
    const Error told = refused(each.method, each.request);
    EXPECT_EQ(told.code, each.code) << each.request << told.what;
    EXPECT_EQ(told.field, each.field) << each.request << told.what;
  }
}

TEST_F(NetworkTest, NamesAreUniqueInAVpcOnly) {
  call("Vpcs/Create", R"({"name":"one","cidrs":["10.0.0.0/16"]})");
  call("Vpcs/Create", R"({"name":"two","cidrs":["10.0.0.0/16"]})");
  const std::string first = id_of("Subnets/Create", R"({"name":"app","vpc":"one","cidr":"10.0.1.0/24"})");
  const std::string second = id_of("Subnets/Create", R"({"name":"app","vpc":"two","cidr":"10.0.1.0/24"})");
  EXPECT_NE(first, second);
  const Error told = refused("Subnets/Remove", R"({"name":"app"})");
  EXPECT_EQ(told.code, Code::Usage);
  EXPECT_NE(told.what.find("one/app"), std::string::npos) << told.what;
  EXPECT_NE(told.what.find("two/app"), std::string::npos) << told.what;
  EXPECT_EQ(call("Subnets/Get", R"({"name":"two/app"})")["id"], second);
  EXPECT_EQ(call("Subnets/Get", R"({"name":")" + first + R"("})")["vpc_name"], "one");
  EXPECT_EQ(refused("Subnets/Get", R"({"name":"three/app"})").code, Code::NotFound);
  EXPECT_EQ(refused("Subnets/Get", R"({"name":""})").code, Code::Usage);
  EXPECT_EQ(refused("Subnets/Get", R"({"name":"/"})").code, Code::NotFound);
  EXPECT_EQ(refused("Subnets/Get", "{\"name\":\"a\\u0007b\"}").what, "there is no subnet 'a\\x07b'");
}

}  // namespace
}  // namespace weft::api
