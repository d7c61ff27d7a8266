// What a change of borders asks to be written, as a story.
#include "datapath/borders.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "datapath/random_world.h"
#include "model/testing.h"

namespace weft::datapath {
namespace {

using namespace model;

class BorderPlans : public testing::Test {
 protected:
  BorderPlans() {
    change(with_border({.id = vpc_, .name = "v", .cidrs = {prefix("10.0.0.0/16")}, .default_group = group_}) +
           std::vector<Object>{Group{.id = group_, .name = "g", .vpc = vpc_},
                               Subnet{.id = app_, .name = "app", .vpc = vpc_, .cidr = prefix("10.0.1.0/24")},
                               Subnet{.id = db_, .name = "db", .vpc = vpc_, .cidr = prefix("10.0.2.0/24")}});
  }
  static net::Prefix prefix(const char* text) { return *net::Prefix::parse(text); }
  BorderPlan carry_out(const Command& command) {
    const auto changes = state_.apply(command);
    EXPECT_TRUE(changes.ok()) << changes.error().what;
    BorderPlan plan = borders_.update(state_, *changes,
                                      {.vpc = [](const VpcId&) { return 7u; }, .tni = [](const TniId&) { return 0u; }});
    borders_.release(plan);
    return plan;
  }
  BorderPlan change(std::vector<Object> objects) {
    Command command;
    for (Object& object : objects) command.operations.emplace_back(Put{std::move(object)});
    return carry_out(command);
  }
  Route route(uint64_t number, const char* to) const {
    return {.id = RouteId::of(number),
            .table = state_.get(vpc_).main_table,
            .destination = prefix(to),
            .target = Way::Blackhole};
  }
  // "10.0.0.0/16 0>1": prefix, hop's kind before and after.
  static std::string story(const BorderPlan& plan) {
    std::string text;
    for (const auto& row : plan.routes) {
      text +=
          fmt::format("{}{} {}>{}", text.empty() ? "" : ", ", row.key.prefix.text(), row.before >> 24, row.after >> 24);
    }
    return text;
  }

  State state_;
  Borders borders_;
  const VpcId vpc_{"vpc-0000000000000001"};
  const GroupId group_{"sg-0000000000000001"};
  const SubnetId app_{"subnet-0000000000000001"}, db_{"subnet-0000000000000002"};
};

TEST_F(BorderPlans, ATableHasALocalRouteForEachRange) {
  ASSERT_EQ(borders_.tables().routes.size(), 1u);
  EXPECT_EQ(borders_.tables().routes.begin()->second >> 24, uint32_t{abi::HOP_LOCAL});
  EXPECT_EQ(borders_.tables().subnets.size(), 2u);
  EXPECT_EQ(borders_.tables().acls.size(), 2u);  // both directions of the default one
}

TEST_F(BorderPlans, ARouteIsOneRowAndEveryFlowOfTheVpcIsJudgedAgain) {
  const uint32_t before = borders_.tables().vpcs.at(7).version;
  const BorderPlan plan = change({route(1, "192.0.2.0/24")});
  EXPECT_EQ(story(plan), "192.0.2.0/24 0>4");
  EXPECT_TRUE(plan.acls.empty() && plan.subnets.empty());
  ASSERT_EQ(plan.vpcs.size(), 1u);
  EXPECT_EQ(plan.vpcs.at(7).first.version, before);
  EXPECT_GT(plan.vpcs.at(7).second.version, before);
  const BorderPlan gone = carry_out({.operations = {Remove{RouteId::of(1)}}});
  EXPECT_EQ(story(gone), "192.0.2.0/24 4>0");
  EXPECT_EQ(gone.gone_routes.size(), 1u);
}

TEST_F(BorderPlans, AnAclThatChangesTakesAnotherSlotAndItsSubnetsGoThere) {
  const auto before = borders_.tables().subnets;
  const BorderPlan plan = change({AclRule{.id = AclRuleId::of(99),
                                          .acl = state_.get(vpc_).default_acl,
                                          .number = 5,
                                          .action = Action::Deny,
                                          .prefix = prefix("10.0.2.0/24")}});
  EXPECT_EQ(plan.acls.size(), 2u);
  EXPECT_EQ(plan.subnets.size(), 2u);
  EXPECT_EQ(plan.gone_acls.size(), 2u);
  for (const auto& [slot, row] : before) {
    EXPECT_NE(borders_.tables().subnets.at(slot).acl, row.acl);
    EXPECT_EQ(borders_.tables().subnets.at(slot).table, row.table);
  }
}

TEST_F(BorderPlans, WhatConcernsNoBorderAsksForNothing) {
  EXPECT_TRUE(change({Group{.id = {"sg-0000000000000002"}, .name = "h", .vpc = vpc_}}).empty());
  EXPECT_TRUE(
      change({PrefixList{.id = {"pl-0000000000000001"}, .name = "l", .prefixes = {prefix("192.0.2.0/24")}}}).empty());
}

TEST_F(BorderPlans, AListsChangesReachTheTablesThatNameIt) {
  PrefixList list{.id = {"pl-0000000000000001"}, .name = "l", .prefixes = {prefix("192.0.2.0/24")}};
  Route by_list = route(1, "0.0.0.0/0");
  by_list.destination = list.id;
  EXPECT_EQ(story(change({list, by_list})), "192.0.2.0/24 0>4");
  list.prefixes = {prefix("10.0.2.0/24"), prefix("198.51.100.0/24")};
  EXPECT_EQ(story(change({list})), "192.0.2.0/24 4>0, 198.51.100.0/24 0>4");
}

TEST_F(BorderPlans, ASubnetThatGoesLeavesItsSlot) {
  const uint32_t slot = borders_.slot_of(db_);
  const BorderPlan plan = carry_out({.operations = {Remove{db_}}});
  EXPECT_EQ(plan.gone_subnets, std::vector<uint32_t>{slot});
  EXPECT_FALSE(borders_.tables().subnets.contains(slot));
}

// The row that the data path's look-up finds.
uint32_t look_up(const BorderTables& tables, uint32_t table, const net::Address& address) {
  uint32_t hop = 0;
  int longest = -1;
  for (auto row = tables.routes.lower_bound({.table = table, .prefix = {}});
       row != tables.routes.end() && row->first.table == table; ++row) {
    const net::Prefix& prefix = row->first.prefix;
    if (!prefix.contains(address) || static_cast<int>(prefix.length()) <= longest) continue;
    longest = static_cast<int>(prefix.length());
    hop = row->second;
  }
  return hop >> 24;
}

uint32_t kind_of(const NextHop& hop) {
  switch (hop.kind) {
    case NextHop::Kind::Local: return abi::HOP_LOCAL;
    case NextHop::Kind::Internet: return abi::HOP_INTERNET;
    case NextHop::Kind::EgressOnly: return abi::HOP_EGRESS_ONLY;
    case NextHop::Kind::Appliance: return abi::HOP_TNI;
    case NextHop::Kind::Blackhole: return abi::HOP_BLACKHOLE;
    case NextHop::Kind::None: break;
  }
  return abi::HOP_NONE;
}

RC_GTEST_PROP(BorderTables, SayWhatTheNounsSayAfterEachChange, ()) {
  base::Rng rng(*rc::gen::arbitrary<uint64_t>());
  RandomWorld world(rng);
  State state;
  Borders borders;
  base::WallTime now{1'000'000'000'000'000'000};
  uint64_t compared = 0;
  for (int step = 0; step < 120; ++step) {
    const auto changes = state.apply(world.command(state, now));
    if (!changes.ok()) continue;
    borders.release(borders.update(state, *changes,
                                   {.vpc = [](const VpcId& id) { return static_cast<uint32_t>(id.number()); },
                                    .tni =
                                        [&](const TniId& id) {
                                          return state.get(id).workload.empty() ? 0
                                                                                : static_cast<uint32_t>(id.number());
                                        }}));
    for (const auto& [id, subnet] : state.all<Subnet>()) {
      const SubnetRow& row = borders.tables().subnets.at(borders.slot_of(id));
      for (int i = 0; i < 4; ++i) {
        const net::Address target = world.any_address();
        const Tni* holder = state.holder_of(subnet.vpc, target);
        if (holder == nullptr || holder->subnet != id) {
          RC_ASSERT(look_up(borders.tables(), row.table, target) == kind_of(next_hop(state, subnet, target)));
        }
        for (const Direction direction : {Direction::In, Direction::Out}) {
          const AclRows& rows = borders.tables().acls.at({row.acl, direction});
          const uint8_t protocol = rng.one_in(2) ? kTcp : kUdp;
          const auto port = static_cast<uint16_t>(rng.below(100));
          const auto found = std::find_if(rows.begin(), rows.end(),
                                          [&](const AclRule& r) { return r.matches(target, protocol, port); });
          const AclRule* expected = deciding_rule(state, state.acl_of(subnet).id, direction, target, protocol, port);
          RC_ASSERT((found == rows.end()) == (expected == nullptr));
          if (expected != nullptr) RC_ASSERT(*found == *expected);
        }
        ++compared;
      }
    }
  }
  RC_ASSERT(compared > 0u);
}

TEST_F(BorderPlans, SomeChangesInAnyOrderLeadToTheSameTables) {
  change({route(1, "192.0.2.0/24"), route(2, "198.51.100.0/24")});
  Borders anew;
  anew.update(state_, state_.everything(),
              {.vpc = [](const VpcId&) { return 7u; }, .tni = [](const TniId&) { return 0u; }});
  const auto hops = [](const Borders& borders) {
    std::map<net::Prefix, uint32_t> all;
    for (const auto& [key, to] : borders.tables().routes) all[key.prefix] = to;
    return all;
  };
  EXPECT_EQ(hops(anew), hops(borders_));
}

}  // namespace
}  // namespace weft::datapath
