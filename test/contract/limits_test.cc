// At each limit: the last that fits is taken, one more is refused as a limit.
#include "test/contract/world.h"

namespace weft::model {
namespace {

using base::Code;

class Limits : public World {
 protected:
  static void expect_limit(const Result<>& done) {
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, Code::Limit) << done.error().what;
  }
};

TEST_F(Limits, LIM_1_SubnetsOfAVpc) {
  const auto nth = [&](size_t i) { return subnet("s" + std::to_string(i), fmt::format("10.20.{}.0/28", i)); };
  for (size_t i = 2; i < kMostSubnets + 1; ++i) expect_accepted(nth(i));
  expect_limit(put({nth(kMostSubnets + 1)}));
}

TEST_F(Limits, LIM_1_GroupsOfAVpc) {
  std::vector<Object> all;
  for (size_t i = 1; i < kMostGroups; ++i) all.push_back(group("shop", "g" + std::to_string(i)));
  ASSERT_TRUE(put(std::move(all)).ok());
  expect_limit(put({group("shop", "more")}));
}

TEST_F(Limits, LIM_1_RulesOfAGroupInEachDirection) {
  for (const Direction direction : {Direction::In, Direction::Out}) {
    const uint64_t base = direction == Direction::In ? 1 : 1'000'000;
    std::vector<Object> all;
    for (size_t i = 0; i < kMostRules; ++i)
      all.push_back(rule(base + i, "default", direction, "all", prefix("0.0.0.0/0")));
    ASSERT_TRUE(put(std::move(all)).ok());
    expect_limit(put({rule(base + kMostRules, "default", direction, "all", prefix("0.0.0.0/0"))}));
  }
}

TEST_F(Limits, LIM_1_TablesAndAclsOfAVpc) {
  const VpcId vpc = id_named<VpcId>("shop");
  std::vector<Object> tables, acls;
  // Each has one from the start.
  for (size_t i = 1; i < kMostTables; ++i) {
    const std::string name = "t" + std::to_string(i);
    tables.push_back(RouteTable{.id = id_named<RouteTableId>(name), .name = name, .vpc = vpc});
  }
  for (size_t i = 1; i < kMostAcls; ++i) {
    const std::string name = "a" + std::to_string(i);
    acls.push_back(Acl{.id = id_named<AclId>(name), .name = name, .vpc = vpc});
  }
  ASSERT_TRUE(put(std::move(tables)).ok());
  ASSERT_TRUE(put(std::move(acls)).ok());
  expect_limit(put({RouteTable{.id = id_named<RouteTableId>("more"), .name = "more", .vpc = vpc}}));
  expect_limit(put({Acl{.id = id_named<AclId>("more"), .name = "more", .vpc = vpc}}));
}

TEST_F(Limits, LIM_1_RoutesOfATableAndRulesOfAnAcl) {
  const Vpc& vpc = state_.get(id_named<VpcId>("shop"));
  const RouteTableId table = vpc.main_table;
  const AclId acl = vpc.default_acl;
  const auto route = [&](uint32_t i) {
    return Route{.id = RouteId::of(i),
                 .table = table,
                 .destination = net::Prefix::host(net::Address::v4((192u << 24) + i)),
                 .target = Way::Blackhole};
  };
  const auto rule = [&](uint16_t i) {
    return AclRule{.id = AclRuleId::of(i),
                   .acl = acl,
                   .number = static_cast<uint16_t>(1000 + i),
                   .prefix = net::Prefix::any(net::Family::V4)};
  };
  std::vector<Object> routes, rules;
  for (uint32_t i = 0; i < kMostRoutes; ++i) routes.push_back(route(i));
  // Two are there from the start.
  for (uint16_t i = 2; i < kMostAclRules; ++i) rules.push_back(rule(i));
  ASSERT_TRUE(put(std::move(routes)).ok());
  ASSERT_TRUE(put(std::move(rules)).ok());
  expect_limit(put({route(kMostRoutes)}));
  expect_limit(put({rule(kMostAclRules)}));
}

TEST_F(Limits, LIM_1_RoutesOfAllTables) {
  const RouteTableId table = state_.get(id_named<VpcId>("shop")).main_table;
  PrefixList list{.id = id_named<PrefixListId>("list"), .name = "list", .prefixes = {}};
  for (uint32_t i = 0; i < kMostPrefixes; ++i) {
    list.prefixes.push_back(net::Prefix::host(net::Address::v4((192u << 24) + i)));
  }
  expect_accepted(list);
  const auto by_list = [&](uint32_t i) {
    return Route{.id = RouteId::of(i), .table = table, .destination = list.id, .target = Way::Blackhole};
  };
  const uint64_t before = state_.border_size().routes;
  expect_accepted(by_list(1));
  EXPECT_EQ(state_.border_size().routes, before + kMostPrefixes);
  list.prefixes.resize(10);
  expect_accepted(list);
  EXPECT_EQ(state_.border_size().routes, before + 10);
  ASSERT_TRUE(remove(by_list(1).id).ok());
  EXPECT_EQ(state_.border_size().routes, before);

  // Lists in all tables: the most that there may be, and one more.
  for (uint32_t i = 0; i < kMostPrefixes; ++i) {
    if (i >= 10) list.prefixes.push_back(net::Prefix::host(net::Address::v4((192u << 24) + i)));
  }
  expect_accepted(list);
  std::vector<Object> fill;
  const uint64_t fitting = (kLargestBorder.routes - before - 100) / (kMostPrefixes + kMostCidrs + 1);
  for (uint64_t v = 0; fill.size() < 2 * fitting; ++v) {
    const std::string of = "v" + std::to_string(v);
    add_vpc(of, {"10.30.0.0/16"});
    for (uint64_t t = 0; t + 1 < kMostTables && fill.size() < 2 * fitting; ++t) {
      const std::string name = of + "-" + std::to_string(t);
      fill.emplace_back(RouteTable{.id = id_named<RouteTableId>(name), .name = name, .vpc = id_named<VpcId>(of)});
      fill.emplace_back(Route{.id = id_named<RouteId>(name),
                              .table = id_named<RouteTableId>(name),
                              .destination = list.id,
                              .target = Way::Blackhole});
    }
  }
  ASSERT_TRUE(put(std::move(fill)).ok());
  const auto main_of = [&](const std::string& of) { return state_.get(id_named<VpcId>(of)).main_table; };
  const auto one_more = [&](uint32_t i, const std::string& of) {
    Route route = by_list(i);
    route.table = main_of(of);
    return put({route});
  };
  Result<> done;
  for (uint32_t i = 0; i < 3 && done.ok(); ++i) done = one_more(100 + i, "v" + std::to_string(i));
  expect_limit(done);
}

TEST_F(Limits, LIM_1_GroupsOfATni) {
  Tni wide = tni("wide", "10.20.1.7");
  for (size_t i = 1; i <= kMostGroupsPerTni; ++i) {
    const Group more = group("shop", "g" + std::to_string(i));
    expect_accepted(more);
    if (i < kMostGroupsPerTni) wide.groups.push_back(more.id);
  }
  std::sort(wide.groups.begin(), wide.groups.end());
  expect_accepted(wide);
  wide.groups.push_back(group_id("shop", "g" + std::to_string(kMostGroupsPerTni)));
  std::sort(wide.groups.begin(), wide.groups.end());
  expect_limit(put({wide}));
}

TEST_F(Limits, LIM_1_PrefixesOfAList) {
  PrefixList list{.id = id_named<PrefixListId>("list"), .name = "list", .prefixes = {}};
  for (size_t i = 0; i < kMostPrefixes; ++i)
    list.prefixes.push_back(net::Prefix::host(net::Address::v4(static_cast<uint32_t>(i))));
  expect_accepted(list);
  list.prefixes.push_back(prefix("10.0.0.0/8"));
  expect_limit(put({list}));
}

// However many come at once: the last one too many refuses them all.
class ManyTnis : public Limits {
 protected:
  ManyTnis() {
    add_vpc("wide", {"10.0.0.0/16", "10.1.0.0/16"});
    expect_accepted(subnet("a", "10.0.0.0/16", "", "wide"));
    expect_accepted(subnet("b", "10.1.0.0/16", "", "wide"));
  }
  // Number `i` of the VPC.
  Tni nth(uint32_t i) const {
    Tni many = tni("n" + std::to_string(i), "10.0.0.4", i < 50'001 ? "a" : "b", "wide");
    many.ip = net::Address::v4((10u << 24) + (i < 50'001 ? 4 + i : (1u << 16) + 4 + i - 50'001));
    many.machine = {};
    return many;
  }
  Workload nth_workload(uint32_t i) const { return workload("w" + std::to_string(i)); }
  Tni nth_attached(uint32_t i) const {
    Tni many = attached(nth(i), "w" + std::to_string(i));
    many.machine = id_named<MachineId>("m");
    return many;
  }
};

TEST_F(ManyTnis, LIM_1_TnisOfAVpc) {
  std::vector<Object> all;
  for (uint32_t i = 0; i < kMostTnis; ++i) all.emplace_back(nth(i));
  std::vector<Object> too_many = all;
  too_many.emplace_back(nth(kMostTnis));
  expect_limit(put(std::move(too_many)));
  ASSERT_TRUE(put(std::move(all)).ok());
  expect_limit(put({nth(kMostTnis)}));
  expect_accepted(tni("elsewhere", "10.20.1.7"));
}

TEST_F(ManyTnis, LIM_1_TnisOfAMachine) {
  std::vector<Object> all;
  for (uint32_t i = 0; i < kMostTnisPerMachine; ++i) {
    all.emplace_back(nth_workload(i));
    all.emplace_back(nth_attached(i));
  }
  std::vector<Object> too_many = all;
  too_many.emplace_back(nth_workload(kMostTnisPerMachine));
  too_many.emplace_back(nth_attached(kMostTnisPerMachine));
  expect_limit(put(std::move(too_many)));
  ASSERT_TRUE(put(std::move(all)).ok());
  expect_accepted(nth_workload(kMostTnisPerMachine));
  expect_limit(put({nth_attached(kMostTnisPerMachine)}));
  // What is attached to nothing takes no room, and what moves only changes its place.
  expect_accepted(nth(kMostTnisPerMachine));
  Tni moved = attached(nth_attached(7), "w" + std::to_string(kMostTnisPerMachine));
  moved.epoch = 2;
  expect_accepted(moved);
}

TEST_F(Limits, LIM_1_FurtherAddressesOfATni) {
  Tni many = tni("many", "10.20.1.7");
  for (int i = 0; i < 64; ++i) many.secondary.push_back(address("10.20.1." + std::to_string(10 + i)));
  expect_accepted(many);
  many.secondary.push_back(address("10.20.1.100"));
  expect_limit(put({many}));
}

TEST_F(Limits, LIM_1_PublishedPortsOfAWorkload) {
  Workload open = workload("open");
  for (uint16_t i = 0; i < 128; ++i)
    open.publish.push_back({.port = static_cast<uint16_t>(1000 + i), .target_port = 80});
  expect_accepted(open);
  open.publish.push_back({.port = 2000, .target_port = 80});
  expect_limit(put({open}));
}

TEST_F(Limits, LIM_1_WordsOfACommandAndOfAnEnvironment) {
  Workload wordy = workload("wordy");
  wordy.kind = WorkloadKind::Process;
  wordy.command.assign(4096, "a");
  wordy.env.assign(4096, "A=b");
  expect_accepted(wordy);
  Workload more = wordy;
  more.command.emplace_back("a");
  expect_limit(put({more}));
  more = wordy;
  more.env.emplace_back("A=b");
  expect_limit(put({more}));
  // A word counts its end, as in execve.
  more.command = {std::string((128 << 10) - 1, 'a')};
  more.env.clear();
  expect_accepted(more);
  more.command.front() += 'a';
  expect_limit(put({more}));
}

}  // namespace
}  // namespace weft::model
