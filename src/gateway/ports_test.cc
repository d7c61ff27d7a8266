#include "gateway/ports.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace weft::gateway {
namespace {

TEST(PortSet, ReadsAndWritesWhatTheKernelDoes) {
  EXPECT_EQ(PortSet::parse("")->text(), "");
  EXPECT_EQ(PortSet::parse("53\n")->text(), "53");
  EXPECT_EQ(PortSet::parse("8000-8100,53,8101")->text(), "53,8000-8101");
  EXPECT_EQ(PortSet::parse("65535,0")->text(), "0,65535");
  for (const char* bad : {"x", "1,", ",1", "2-1", "65536", "1-", "-1", "1--2"}) {
    EXPECT_FALSE(PortSet::parse(bad).ok()) << bad;
  }
}

TEST(PortSet, TakesAwayWhatWasAdded) {
  const PortSet others{{8080, 8080}};
  const PortSet ours{{61056, 62079}, {9000, 9000}};
  EXPECT_EQ(others.with(ours).without(ours), others);
  EXPECT_EQ(PortSet({{10, 20}}).without({{13, 14}}).text(), "10-12,15-20");
}

RC_GTEST_PROP(PortSet, IsASetOfPorts, (const std::vector<std::tuple<bool, uint8_t, uint8_t>>& steps)) {
  PortSet set;
  std::set<uint16_t> model;
  for (const auto& [add, low, length] : steps) {
    const PortRange range{low, static_cast<uint16_t>(low + length % 16)};
    add ? set.add(range) : set.remove(range);
    for (uint32_t port = range.first; port <= range.last; ++port) {
      add ? (void)model.insert(static_cast<uint16_t>(port)) : (void)model.erase(static_cast<uint16_t>(port));
    }
  }
  for (uint16_t port = 0; port < 300; ++port) RC_ASSERT(set.contains(port) == model.contains(port));
  RC_ASSERT(*PortSet::parse(set.text()) == set);
}

}  // namespace
}  // namespace weft::gateway
