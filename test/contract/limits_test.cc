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

}  // namespace
}  // namespace weft::model
