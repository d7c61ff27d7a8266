#include "node/found.h"

#include <gtest/gtest.h>

#include "model/verdict.h"

namespace weft::node {
namespace {

TEST(Found, TheFirstCommandIsValidAndEverythingTalks) {
  base::Rng rng(1);
  model::State state;
  const auto changes = state.apply(found_cluster("box", {1}, rng));
  ASSERT_TRUE(changes.ok()) << changes.error().what;
  ASSERT_EQ(state.all<model::Tni>().size(), 1u);
  const model::Tni& tni = state.all<model::Tni>().begin()->second;
  EXPECT_EQ(tni.ip.text(), "10.210.1.1");
  const auto verdict = model::judge(state, {2},
                                    {.vpc = tni.vpc,
                                     .sender = tni.id,
                                     .source = tni.ip,
                                     .target = *net::Address::parse("192.0.2.1"),
                                     .protocol = model::kTcp,
                                     .selector = 80});
  EXPECT_EQ(verdict.reason, model::Reason::RuleMatch);
}

TEST(Found, AnyHostNameGivesAName) {
  EXPECT_EQ(name_from_host("Web-1.example.org"), "web-1");
  EXPECT_EQ(name_from_host("-a_b-"), "ab");
  EXPECT_EQ(name_from_host(""), "machine");
  EXPECT_EQ(name_from_host("..."), "machine");
  EXPECT_EQ(name_from_host(std::string(300, 'a')).size(), 63u);
}

}  // namespace
}  // namespace weft::node
