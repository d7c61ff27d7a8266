#include "node/found.h"

#include <gtest/gtest.h>

#include "model/verdict.h"

namespace weft::node {
namespace {

TEST(Found, TheFirstCommandIsValidAndEverythingTalks) {
  base::Rng rng(1);
  model::State state;
  const auto changes = state.apply(found_cluster("box", default_range({}), {1}, rng));
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

TEST(Found, TheDefaultRangeIsOneThatTheMachineHasNoRouteInto) {
  std::vector<net::Prefix> routes;
  const auto next = [&](const char* route) {
    routes.push_back(*net::Prefix::parse(route));
    return default_range(routes).text();
  };
  EXPECT_EQ(next("0.0.0.0/0"), "10.210.0.0/16");
  EXPECT_EQ(next("10.0.0.0/8"), "10.210.0.0/16") << "a wider route gives way";
  EXPECT_EQ(next("10.210.0.0/16"), "10.211.0.0/16") << "of another instance";
  EXPECT_EQ(next("10.211.7.0/24"), "10.212.0.0/16") << "of a network";
  for (int i = 0; i < 256; ++i) next(fmt::format("10.{}.0.0/16", i).c_str());
  EXPECT_EQ(default_range(routes).text(), "10.210.0.0/16") << "none is free";
}

TEST(Found, AnotherRangeIsFoundedAlike) {
  base::Rng rng(1);
  model::State state;
  ASSERT_TRUE(state.apply(found_cluster("box", *net::Prefix::parse("10.213.0.0/16"), {1}, rng)).ok());
  EXPECT_EQ(state.all<model::Tni>().begin()->second.ip.text(), "10.213.1.1");
  EXPECT_EQ(state.all<model::Block>().begin()->second.range.text(), "10.213.1.0/24");
}

TEST(Found, AnyHostNameGivesAName) {
  EXPECT_EQ(name_from_host("Web-1.example.org"), "web-1");
  EXPECT_EQ(name_from_host("-a_b-"), "ab");
  EXPECT_EQ(name_from_host(""), "machine");
  EXPECT_EQ(name_from_host("..."), "machine");
  EXPECT_EQ(name_from_host("internet"), "machine");
  EXPECT_EQ(name_from_host("m-0123456789abcdef.example"), "machine");
  EXPECT_EQ(name_from_host(std::string(300, 'a')).size(), 63u);
}

}  // namespace
}  // namespace weft::node
