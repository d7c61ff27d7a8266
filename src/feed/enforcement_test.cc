#include "feed/enforcement.h"

#include <gtest/gtest.h>

namespace weft::feed {
namespace {

using namespace std::chrono_literals;
using base::Code;

class EnforcementTest : public testing::Test {
 protected:
  static Enforcement::Now at(std::chrono::seconds seconds) {
    return {.boot = base::BootTime{} + seconds, .wall = base::WallTime{} + seconds};
  }
  void await(uint64_t revision) {
    enforcement_.await(revision, [this](const Result<uint64_t>& enforced) {
      told_.push_back(enforced.ok() ? fmt::format("{}", *enforced) : std::string(base::name_of(enforced.error().code)));
    });
  }
  std::vector<std::string> told() { return std::exchange(told_, {}); }

  Enforcement enforcement_{at(1s)};
  std::vector<std::string> told_;
};

using Told = std::vector<std::string>;

TEST_F(EnforcementTest, AWriteIsAnsweredWhenItIsEnforcedAndInOrder) {
  enforcement_.heard(at(2s), 1);
  await(2);
  await(3);
  await(1);  // stood behind others already
  EXPECT_EQ(told(), Told{});
  enforcement_.heard(at(2s), 2);
  EXPECT_EQ(told(), Told{"2"});
  enforcement_.heard(at(2s), 3);
  EXPECT_EQ(told(), (Told{"3", "1"}));
  await(3);
  EXPECT_EQ(told(), Told{"3"});
}

TEST_F(EnforcementTest, WithoutADataPlaneItIsToldAtOnce) {
  await(1);
  EXPECT_EQ(told(), Told{"unavailable"});
  EXPECT_EQ(enforcement_.away_since(), at(1s).wall);
}

TEST_F(EnforcementTest, WhoWaitsIsToldWhenTheDataPlaneGoes) {
  enforcement_.heard(at(2s), 1);
  await(2);
  enforcement_.lost(at(3s));
  EXPECT_EQ(told(), Told{"unavailable"});
  enforcement_.lost(at(4s));
  EXPECT_EQ(enforcement_.away_since(), at(3s).wall);
  enforcement_.heard(at(5s), 2);
  EXPECT_FALSE(enforcement_.away_since());
  EXPECT_EQ(told(), Told{});
}

TEST_F(EnforcementTest, WhoIsSilentForTooLongIsAway) {
  enforcement_.heard(at(2s), 1);
  await(2);
  enforcement_.tick(at(7s));
  EXPECT_EQ(told(), Told{});
  enforcement_.tick(at(8s));
  EXPECT_EQ(told(), Told{"unavailable"});
  EXPECT_EQ(enforcement_.away_since(), at(2s).wall);
}

// What is told may ask for more.
TEST_F(EnforcementTest, AnAnswerMayWriteAgain) {
  enforcement_.heard(at(2s), 1);
  enforcement_.await(2, [this](const Result<uint64_t>&) { await(3); });
  enforcement_.heard(at(2s), 3);
  EXPECT_EQ(told(), Told{"3"});
}

}  // namespace
}  // namespace weft::feed
