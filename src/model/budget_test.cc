#include <gtest/gtest.h>

#include "base/rng.h"
#include "model/state.h"
#include "model/testing.h"

namespace weft::model {
namespace {

// A VPC whose group names lists of a thousand prefixes each.
class Budget : public testing::Test {
 protected:
  void SetUp() override {
    Command command;
    const auto put = [&](Object object) { command.operations.emplace_back(Put{std::move(object)}); };
    for (Object& object : with_border(
             {.id = vpc_, .name = "v", .cidrs = {*net::Prefix::parse("10.0.0.0/16")}, .default_group = group_})) {
      put(std::move(object));
    }
    put(Group{.id = group_, .name = "g", .vpc = vpc_});
    put(Group{.id = other_, .name = "o", .vpc = vpc_});
    put(Subnet{.id = subnet_, .name = "s", .vpc = vpc_, .cidr = *net::Prefix::parse("10.0.0.0/24")});
    PrefixList list{.id = list_, .name = "l"};
    for (uint64_t i = 0; i < kMostPrefixes; ++i) {
      list.prefixes.push_back(net::Prefix::host(net::Address::v4((192u << 24) + static_cast<uint32_t>(i))));
    }
    put(list);
    for (uint64_t i = 0; i < kMostRules; ++i) put(rule(1 + i));
    ASSERT_TRUE(state_.apply(command).ok());
  }
  Rule rule(uint64_t number) const { return {.id = RuleId::of(number), .group = group_, .traffic = {}, .peer = list_}; }
  Tni tni(uint8_t number, std::vector<GroupId> groups) const {
    return {.id = {"tni-000000000000000" + std::to_string(number)},
            .name = "t" + std::to_string(number),
            .vpc = vpc_,
            .subnet = subnet_,
            .mac = {{2, 0, 0, 0, 0, number}},
            .ip = net::Address::v4((10u << 24) + 10u + number),
            .groups = std::move(groups)};
  }
  Result<Changes> put(Object object) { return state_.apply({.operations = {Put{std::move(object)}}}); }

  State state_;
  const VpcId vpc_{"vpc-0000000000000001"};
  const GroupId group_{"sg-0000000000000001"}, other_{"sg-0000000000000002"};
  const SubnetId subnet_{"subnet-0000000000000001"};
  const PrefixListId list_{"pl-0000000000000001"};
};

TEST_F(Budget, GroupsThatNobodyHasCostNothing) { EXPECT_EQ(state_.policy_size(), PolicySize{}); }

TEST_F(Budget, EachCombinationOfGroupsCountsOnce) {
  ASSERT_TRUE(put(tni(1, {group_})).ok());
  const PolicySize once{
      .entries = 1'000'000, .kinds = 1'000'000, .choices = 1'000'000, .rules = 1000, .sets = 1, .groups = 1};
  EXPECT_EQ(state_.policy_size(), once);
  ASSERT_TRUE(put(tni(2, {group_})).ok());
  EXPECT_EQ(state_.policy_size(), once);
}

TEST_F(Budget, WhatDoesntFitIsRefusedAndNothingHasChanged) {
  ASSERT_TRUE(put(tni(1, {group_})).ok());
  const PolicySize before = state_.policy_size();
  const auto set = put(tni(2, {group_, other_}));
  ASSERT_FALSE(set.ok());
  EXPECT_EQ(set.error().code, base::Code::Limit);
  EXPECT_NE(set.error().what.find("2000000 entries, and the data path holds 1000000"), std::string::npos)
      << set.error().what;
  Rule one_more = rule(1001);
  one_more.direction = Direction::Out;
  EXPECT_FALSE(put(one_more).ok());
  PrefixList longer = state_.get(list_);
  longer.prefixes.pop_back();
  EXPECT_TRUE(put(longer).ok());
  EXPECT_EQ(state_.policy_size().entries, 999'000u);
  EXPECT_EQ(before.entries, 1'000'000u);
  EXPECT_TRUE(state_.find(TniId{"tni-0000000000000002"}) == nullptr);
}

TEST_F(Budget, PortsCostTheBlocksThatTheirEndsCut) {
  Rule range = rule(5000);
  range.group = other_;
  range.peer = net::Prefix::any(net::Family::V4);
  range.traffic = *Traffic::parse("tcp:80-90");
  ASSERT_TRUE(put(range).ok());
  ASSERT_TRUE(put(tni(1, {other_})).ok());
  EXPECT_EQ(state_.policy_size(),
            (PolicySize{.entries = 1, .kinds = 33, .choices = 1, .rules = 1, .sets = 1, .groups = 1}));
  range.traffic = *Traffic::parse("tcp:80");
  ASSERT_TRUE(put(range).ok());
  EXPECT_EQ(state_.policy_size().kinds, 17u);
  range.traffic = *Traffic::parse("tcp");
  ASSERT_TRUE(put(range).ok());
  EXPECT_EQ(state_.policy_size().kinds, 1u);
}

TEST_F(Budget, ARuleThatEndsCostsAChoiceForEachThingThatMayComeAfterIt) {
  Rule rule{.id = RuleId::of(5000), .group = other_, .peer = net::Prefix::any(net::Family::V4)};
  for (uint64_t i = 0; i < 10; ++i) {
    rule.id = RuleId::of(5000 + i);
    ASSERT_TRUE(put(rule).ok());
  }
  ASSERT_TRUE(put(tni(1, {other_})).ok());
  EXPECT_EQ(state_.policy_size().choices, 10u);
  rule.until = base::WallTime{1};
  ASSERT_TRUE(put(rule).ok());
  EXPECT_EQ(state_.policy_size().choices, 30u);
  rule.traffic = *Traffic::parse("tcp:80");
  ASSERT_TRUE(put(rule).ok());
  EXPECT_EQ(state_.policy_size().choices, 10u);
}

TEST_F(Budget, GroupsThatRulesNameCountToo) {
  Rule one = rule(5000);
  one.group = other_;
  one.peer = group_;
  Rule another = one;
  another.id = RuleId::of(5001);
  ASSERT_TRUE(put(one).ok());
  ASSERT_TRUE(put(another).ok());
  EXPECT_EQ(state_.policy_size().groups, 0u);
  ASSERT_TRUE(put(tni(1, {other_})).ok());
  EXPECT_EQ(state_.policy_size().groups, 2u);
  ASSERT_TRUE(state_.apply({.operations = {Remove{one.id}, Remove{another.id}}}).ok());
  EXPECT_EQ(state_.policy_size().groups, 1u);
  ASSERT_TRUE(put(one).ok());
  ASSERT_TRUE(state_.apply({.operations = {Remove{TniId{tni(1, {}).id}}}}).ok());
  EXPECT_EQ(state_.policy_size(), PolicySize{});
}

// The data path knows a TNI that is attached to nothing, too.
TEST_F(Budget, EveryCombinationOfGroupsCountsWhetherItsTnisAreAttachedOrNot) {
  ASSERT_TRUE(put(tni(1, {other_})).ok());
  ASSERT_TRUE(put(tni(2, {other_})).ok());
  EXPECT_EQ(state_.policy_size().sets, 1u);
  ASSERT_TRUE(put(tni(3, {group_})).ok());
  EXPECT_EQ(state_.policy_size().sets, 2u);
}

TEST_F(Budget, WhatWasAcceptedOnceIsReplayed) {
  ASSERT_TRUE(put(tni(1, {group_})).ok());
  const Command too_much{.operations = {Put{tni(2, {group_, other_})}}};
  EXPECT_FALSE(state_.apply(too_much).ok());
  EXPECT_TRUE(state_.replay(too_much).ok());
  EXPECT_EQ(state_.policy_size().entries, 2'000'000u);
  EXPECT_TRUE(put(tni(3, {group_})).ok());  // no more than before
}

}  // namespace
}  // namespace weft::model
