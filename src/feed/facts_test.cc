#include "feed/facts.h"

#include <gtest/gtest.h>

namespace weft::feed {
namespace {

using api::RunState;

class FactsTest : public testing::Test {
 protected:
  base::Rng rng_{1};
  const model::WorkloadId one_ = model::WorkloadId::make(rng_);
  const model::WorkloadId two_ = model::WorkloadId::make(rng_);
  Facts facts_;
};

TEST_F(FactsTest, NothingIsKnownBeforeADataPlaneIsInStep) {
  EXPECT_FALSE(facts_.known());
  facts_.begin();
  facts_.take(feed::Run{.workload = one_, .state = RunState::Running});
  EXPECT_FALSE(facts_.known());
  facts_.take(Enforced{.revision = 1, .problems = {}});
  EXPECT_TRUE(facts_.known());
  EXPECT_EQ(facts_.find(one_), RunState::Running);
  EXPECT_EQ(facts_.find(two_), std::nullopt);
}

TEST_F(FactsTest, AnotherDataPlaneTellsItAnew) {
  facts_.begin();
  facts_.take(feed::Run{.workload = one_, .state = RunState::Running});
  facts_.take(Enforced{.revision = 1, .problems = {}});
  facts_.begin();
  EXPECT_FALSE(facts_.known());
  facts_.take(Enforced{.revision = 1, .problems = {}});
  EXPECT_EQ(facts_.find(one_), std::nullopt);
}

TEST_F(FactsTest, TheLastWordCounts) {
  facts_.begin();
  facts_.take(Enforced{.revision = 1, .problems = {}});
  for (const auto& id : {one_, two_}) facts_.take(feed::Run{.workload = id, .state = RunState::Running});
  facts_.take(feed::Run{.workload = one_, .state = RunState::Exited});
  EXPECT_EQ(facts_.find(one_), RunState::Exited);
  facts_.take(feed::Run{.workload = one_, .state = {}});
  EXPECT_EQ(facts_.find(one_), std::nullopt);
  facts_.forget(two_);
  EXPECT_EQ(facts_.find(two_), std::nullopt);
}

TEST_F(FactsTest, ProblemsAreThoseOfTheLastAcknowledgement) {
  const api::Problem problem{.id = {}, .what = "no", .since = {1}};
  facts_.begin();
  facts_.take(Enforced{.revision = 1, .problems = {problem}});
  EXPECT_EQ(facts_.problems(), std::vector{problem});
  facts_.take(Enforced{.revision = 1, .problems = {}});
  EXPECT_TRUE(facts_.problems().empty());
}

}  // namespace
}  // namespace weft::feed
