#include "api/testing.h"

namespace weft::api {
namespace {

using base::Code;

class FileTest : public ApiTest {
 public:
  using ApiTest::ApiTest;
  static std::string request(const std::string& text) {
    return Json{{"files", {{{"name", "shop.yaml"}, {"text", text}}}}}.dump();
  }
  Json apply(const std::string& text) { return call("Files/Apply", request(text)); }
  Json plan(const std::string& text) { return call("Files/Plan", request(text)); }
  std::string exported() { return call("Files/Export", "{}")["text"]; }
};

// Order is free: what refers stands before what it refers to.
constexpr const char* kShop = R"(
kind: workload
name: api
spec:
  subnet: shop/app
  groups: [api]
  command: [python3, -m, http.server, "8000"]
  restart: always
  publish: ["8080:8000"]
  env: [DEBUG=no]
---
kind: sg
name: db
spec:
  vpc: shop
  rules:
    - {traffic: "tcp:5432", peer: "sg:api"}
    - {direction: out, traffic: all, peer: 10.0.0.0/16}
---
kind: sg
name: shop/api
spec:
  rules:
    - {traffic: "tcp:8000", peer: "pl:office", description: from the office}
---
kind: tni
name: shop/db
spec: {subnet: data, groups: [db], ip: 10.0.2.20}
---
kind: workload
name: db
spec: {tnis: [shop/db], command: [postgres], memory: 256m, cpus: 0.5}
---
kind: subnet
name: app
spec: {vpc: shop, cidr: 10.0.1.0/24}
---
kind: subnet
name: data
spec: {vpc: shop, cidr: 10.0.2.0/24}
---
kind: pl
name: office
spec: {prefixes: [192.0.2.0/24]}
---
kind: vpc
name: shop
spec: {cidrs: [10.0.0.0/16], internet: attached}
)";

TEST_F(FileTest, AppliesInOneCommandAndAgainChangesNothing) {
  const uint64_t before = backend_.revision();
  const Json answer = apply(kShop);
  EXPECT_EQ(answer["revision"], before + 1);
  EXPECT_FALSE(answer["changes"].empty());
  EXPECT_EQ(call("Tnis/Get", R"({"name":"shop/db"})")["workload_name"], "db");
  EXPECT_EQ(call("Tnis/Get", R"({"name":"shop/api"})")["group_names"], Json({"api"}));
  const Json db = call("Groups/Get", R"({"name":"shop/db"})");
  EXPECT_EQ(db["rules_in"], 1);
  EXPECT_EQ(db["rules_out"], 1);
  EXPECT_EQ(call("Groups/Get", R"({"name":"shop/api"})")["rules_out"], 2);  // as in a new group
  EXPECT_TRUE(plan(kShop)["changes"].empty());
  EXPECT_TRUE(apply(kShop)["changes"].empty());
  EXPECT_EQ(backend_.revision(), before + 1);
}

TEST_F(FileTest, PlanTellsFieldByFieldAndChangesNothing) {
  apply(kShop);
  const auto before = backend_.state().objects();
  std::string text = kShop;
  text.replace(text.find("restart: always"), 15, "restart: \"no\"");
  text.replace(text.find("192.0.2.0/24"), 12, "192.0.3.0/24");
  const Json changes = plan(text)["changes"];
  EXPECT_EQ(backend_.state().objects(), before);
  ASSERT_EQ(changes.size(), 2u) << changes.dump(1);
  EXPECT_EQ(changes[0]["kind"], "pl");
  EXPECT_EQ(changes[0]["action"], "change");
  EXPECT_EQ(changes[0]["fields"],
            Json({{{"field", "prefixes"}, {"before", "[\"192.0.2.0/24\"]"}, {"after", "[\"192.0.3.0/24\"]"}}}));
  EXPECT_EQ(changes[1]["name"], "api");
  EXPECT_EQ(changes[1]["fields"][0]["field"], "restart");
  EXPECT_EQ(changes[1]["fields"].size(), 1u);  // how it is started again needs no start
}

TEST_F(FileTest, AChangedCommandStartsAnew) {
  apply(kShop);
  std::string text = kShop;
  text.replace(text.find("[postgres]"), 10, "[postgres, -d]");
  apply(text);
  EXPECT_EQ(call("Workloads/Get", R"({"name":"db"})")["generation"], 2);
  EXPECT_EQ(call("Workloads/Get", R"({"name":"api"})")["generation"], 1);
}

TEST_F(FileTest, AMovedInterfaceLeavesNothingBehind) {
  apply(kShop);
  std::string text = kShop;
  text.replace(text.find("subnet: shop/app"), 16, "subnet: default/default");
  text.replace(text.find("groups: [api]"), 13, "groups: []");
  apply(text);
  EXPECT_EQ(call("Workloads/Get", R"({"name":"api"})")["ips"][0], "10.210.1.2");
  EXPECT_EQ(refused("Tnis/Get", R"({"name":"shop/api"})").code, Code::NotFound);
  apply(kShop);
  EXPECT_TRUE(plan(kShop)["changes"].empty());
}

TEST_F(FileTest, JsonServesAsWell) {
  apply(R"([{"kind":"vpc","name":"j","spec":{"cidrs":["10.9.0.0/16"]}},
            {"kind":"subnet","name":"s","spec":{"vpc":"j","cidr":"10.9.1.0/24"}}])");
  EXPECT_EQ(call("Subnets/Get", R"({"name":"j/s"})")["cidr"], "10.9.1.0/24");
}

TEST_F(FileTest, RefusesWithPlaceAndFieldAndChangesNothing) {
  struct Case {
    const char* text;
    Code code;
    const char* field;
    const char* says;
  };
  const Case cases[] = {
      {"kind: vpc\nname: x\nspec: {cidrs: [10.0.0.0/99]}\n", Code::Usage, "spec.cidrs[0]", "shop.yaml:1: vpc 'x'"},
      {"kind: vpc\nname: x\nspec: {cidr: [10.0.0.0/16]}\n", Code::Usage, "spec.cidr", "there is no field"},
      {"kind: vpx\nname: x\n", Code::Usage, "kind", "'vpx' is not one of"},
      {"kind: nat\nname: x\n", Code::Usage, "kind", "shop.yaml:1: nat: not in this version"},
      {"kind: eip\nname: a/x\nspec: {vpc: a}\n", Code::Usage, "kind", "not in this version"},
      {"kind: workload\nname: w\nspec: {image: nginx}\n", Code::Usage, "spec.image", "'w': image: not in this version"},
      {"kind: vpc\nname: x\nspec: {block_public: both}\n", Code::Usage, "spec.block_public", "not in this version"},
      {"kind: tni\nname: x\nspec: {image: nginx}\n", Code::Usage, "spec.image", "there is no field"},
      {"name: x\n", Code::Usage, "kind", "missing"},
      {"kind: vpc\n", Code::Usage, "name", "missing"},
      {"kind: vpc\nname: [x]\n", Code::Usage, "name", "not text"},
      {"kind: vpc\nname: x\nspec: 5\n", Code::Usage, "spec", "not an object"},
      {"kind: vpc\nname: x\nspcc: {}\n", Code::Usage, "spcc", "there is no field"},
      {"- a\n", Code::Usage, "", "a document is"},
      {"a: [\n", Code::Usage, "", "not YAML"},
      {"kind: subnet\nname: s\nspec: {vpc: nowhere, cidr: 10.0.0.0/24}\n", Code::NotFound, "spec.vpc", "nowhere"},
      {"kind: subnet\nname: a/s\nspec: {vpc: b, cidr: 10.0.0.0/24}\n", Code::Usage, "spec.vpc", "contradicts"},
      {"kind: sg\nname: s\nspec: {rules: [{traffic: tcp, peer: 10.0.0.0/8}, {traffic: x, peer: 10.0.0.0/8}]}\n",
       Code::Usage, "spec.rules[1].traffic", "'x'"},
      {"kind: sg\nname: s\nspec: {rules: [{direction: up}]}\n", Code::Usage, "spec.rules[0].direction", "in, out"},
      {"kind: sg\nname: s\nspec: {no_egress: true, rules: [{direction: out, peer: 10.0.0.0/8}]}\n", Code::Usage,
       "spec.no_egress", "go out"},
      {"kind: pl\nname: p\n---\nkind: pl\nname: p\n", Code::Usage, "spec.name", "twice"},
      {"kind: workload\nname: w\nspec: {command: [a], restart: sometimes}\n", Code::Usage, "spec.restart", "sometimes"},
      {"kind: workload\nname: alpha\nspec: {command: [a]}\n", Code::Conflict, "spec.name", "machine"},
      {"kind: pl\nname: fine\n---\nkind: workload\nname: w\n", Code::Usage, "command", "nothing to run"},
  };
  for (const Case& each : cases) {
    const Error told = refused("Files/Apply", request(each.text));
    EXPECT_EQ(told.code, each.code) << each.text << told.what;
    EXPECT_EQ(told.field, each.field) << each.text << told.what;
    EXPECT_NE(told.what.find(each.says), std::string::npos) << each.text << told.what;
    EXPECT_EQ(refused("Files/Plan", request(each.text)).field, each.field) << each.text;
  }
}

TEST_F(FileTest, ExportAppliesBackToNoChange) {
  apply(kShop);
  call("Groups/Allow", R"({"group":"shop/db","traffic":"tcp:1","peer":"0.0.0.0/0","for":"1h"})");
  call("Workloads/Run", R"({"command":["gone"],"rm":true})");
  const std::string text = exported();
  EXPECT_TRUE(plan(text)["changes"].empty()) << plan(text)["changes"].dump(1) << text;
  const std::string json = call("Files/Export", R"({"format":"json"})")["text"];
  EXPECT_TRUE(plan(json)["changes"].empty());
  EXPECT_EQ(text.find("gone"), std::string::npos);
  EXPECT_EQ(text.find("alpha"), std::string::npos);
}

class Elsewhere : public FileTest {
 public:
  Elsewhere() : FileTest(2) {}

 private:
  void TestBody() override {}
};

TEST_F(FileTest, ExportMakesTheSameElsewhere) {
  apply(kShop);
  const std::string text = call("Files/Export", R"({"vpc":"shop"})")["text"];
  EXPECT_EQ(text.find("name: default\n  spec"), std::string::npos);
  Elsewhere other;
  EXPECT_FALSE(other.apply(text)["changes"].empty());
  EXPECT_EQ(other.call("Files/Export", R"({"vpc":"shop"})")["text"].get<std::string>().size(), text.size());
  EXPECT_TRUE(other.plan(text)["changes"].empty());
}

// The default VPC is there already, with an IPv6 range of its own.
TEST_F(FileTest, ExportOfEverythingMakesTheSameElsewhere) {
  apply(kShop);
  call("Workloads/Run", R"({"name":"web","command":["a"]})");
  call("Tnis/Create", R"({"name":"spare","ips":["10.210.1.77"]})");
  call("Tnis/Create", R"({"name":"four","ip6":"none"})");
  const std::string text = exported();
  Elsewhere other;
  const auto range = [](FileTest& of, const char* vpc) {
    return of.call("Vpcs/Get", Json{{"name", vpc}}.dump())["cidr6"].get<std::string>();
  };
  const std::string before = range(other, "default");
  EXPECT_NE(range(*this, "default"), before);
  EXPECT_FALSE(other.apply(text)["changes"].empty());
  EXPECT_EQ(range(other, "default"), before);
  EXPECT_EQ(range(other, "shop"), range(*this, "shop"));
  const auto tni = [](FileTest& of, const char* name) { return of.call("Tnis/Get", Json{{"name", name}}.dump()); };
  for (const char* name : {"default/web", "default/spare", "shop/db"}) {
    EXPECT_EQ(tni(other, name)["ip"], tni(*this, name)["ip"]) << name;
  }
  EXPECT_TRUE(tni(other, "default/spare")["ip6"].get<std::string>().starts_with(before.substr(0, 14)));
  EXPECT_FALSE(tni(other, "default/four").contains("ip6"));
  EXPECT_TRUE(other.plan(text)["changes"].empty()) << other.plan(text)["changes"].dump(1);
  EXPECT_EQ(other.exported().size(), text.size());
  EXPECT_TRUE(plan(other.exported())["changes"].empty());
}

// Random networks, made by single requests: their export applies back to nothing.
TEST_F(FileTest, ExportOfAnythingAppliesBackToNoChange) {
  base::Rng rng(42);
  int accepted = 0;
  const auto attempt = [&](const std::string& method, const Json& request) {
    accepted += try_call(method, request.dump()).ok();
  };
  const auto pick = [&](const char* stem, uint64_t count) { return fmt::format("{}{}", stem, rng.below(count)); };
  for (int step = 0; step < 1500; ++step) {
    const std::string vpc = pick("v", 3), group = vpc + "/" + pick("g", 4), subnet = vpc + "/" + pick("s", 3);
    switch (rng.below(12)) {
      case 0:
        attempt("Vpcs/Create", {{"name", vpc}, {"cidrs", {"10.0.0.0/16"}}, {"cidr6", rng.one_in(3) ? "none" : "auto"}});
        break;
      case 1:
        attempt("Subnets/Create", {{"name", pick("s", 3)},
                                   {"vpc", vpc},
                                   {"cidr", fmt::format("10.0.{}.0/{}", rng.below(4) * 16, 24 + rng.below(5))}});
        break;
      case 2:
        attempt("Groups/Create", {{"name", pick("g", 4)}, {"vpc", vpc}, {"on_revoke", rng.one_in(2) ? "cut" : "keep"}});
        break;
      case 3:
        attempt("PrefixLists/Create",
                {{"name", pick("p", 3)}, {"prefixes", {pick("192.0.2.", 200), pick("198.51.100.", 200)}}});
        break;
      case 4:
      case 5: {
        const std::string peers[] = {"sg:" + vpc + "/" + pick("g", 4), "pl:" + pick("p", 3),
                                     pick("10.1.", 200) + ".0/24", "::/0"};
        Json request = {{"group", group},
                        {"traffic", rng.one_in(2) ? "tcp:80" : "icmp:8"},
                        {"peer", peers[rng.below(4)]},
                        {"direction", rng.one_in(3) ? "out" : "in"},
                        {"mode", rng.one_in(4) ? "audit" : "enforce"}};
        if (rng.one_in(4)) request["for"] = "2h";
        attempt("Groups/Allow", request);
        break;
      }
      case 6:
        attempt("Tnis/Create", {{"name", pick("t", 9)},
                                {"subnet", subnet},
                                {"groups", rng.one_in(2) ? Json::array() : Json({group})},
                                {"source_check", rng.one_in(3) ? "off" : "on"}});
        break;
      case 7:
        attempt("Workloads/Run", {{"name", pick("w", 9)},
                                  {"command", {"a", "no", "-x: y"}},
                                  {"subnet", subnet},
                                  {"cpus", "0.25"},
                                  {"memory", "3k"},
                                  {"env", {"A=1 # b"}}});
        break;
      case 8:
        attempt("Workloads/Run", {{"name", pick("w", 9)}, {"external", true}, {"tnis", {vpc + "/" + pick("t", 9)}}});
        break;
      case 9: attempt("Tnis/Move", {{"tni", vpc + "/" + pick("t", 9)}, {"workload", pick("w", 9)}}); break;
      case 10: attempt("Workloads/Remove", {{"name", pick("w", 9)}}); break;
      default: {
        const auto& rules = backend_.state().all<model::Rule>();
        if (!rules.empty())
          attempt("Groups/Revoke",
                  {{"rules", {std::next(rules.begin(), static_cast<long>(rng.below(rules.size())))->first.text}}});
        break;
      }
    }
    if (step % 50 != 0) continue;
    // One that lost all its interfaces has no way to say so in a file.
    for (const auto& [id, workload] : std::map(backend_.state().all<model::Workload>())) {
      if (backend_.state().tnis_of(id).empty()) call("Workloads/Remove", Json{{"name", id.text}}.dump());
    }
    const std::string text = exported();
    const Json changes = plan(text)["changes"];
    ASSERT_TRUE(changes.empty()) << "step " << step << changes.dump(1) << text;
  }
  EXPECT_GT(accepted, 300);
}

}  // namespace
}  // namespace weft::api
