// Stories of one workload, told against a parent that only exists here.
#include "runtime/life.h"

#include <gtest/gtest.h>

namespace weft::runtime {
namespace {

using namespace std::chrono_literals;
using model::Restart;
using model::Wanted;
using workload::Exit;
using workload::RunState;
using workload::Status;

class LifeTest : public ::testing::Test {
 protected:
  Now now() const { return {.boot = {.ns = time_}, .wall = {.ns = 1'000'000'000'000 + time_}}; }
  void pass(base::Duration duration) { time_ += duration.count(); }

  void want(uint64_t generation, Restart restart = Restart::No, Wanted wanted = Wanted::Running) {
    life_.set_wish(Wish{.generation = generation, .wanted = wanted, .restart = restart});
  }
  Act next() { return life_.next(now().boot); }

  void start() {
    ASSERT_EQ(next(), Act::Start);
    life_.on_start();
    started_ = now().wall;
    life_.on_status({.state = RunState::Running, .pid = 42, .started = started_});
  }
  void end(int code) {
    life_.on_end(now(),
                 {.state = RunState::Exited, .started = started_, .ended = now().wall, .exit = Exit{.code = code}});
  }

  Life life_;
  base::WallTime started_;
  int64_t time_ = 0;
};

TEST_F(LifeTest, WhatIsWantedIsStartedOnce) {
  want(1);
  EXPECT_EQ(life_.shown().state, RunState::Created);
  start();
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.shown().pid, 42);
  end(3);
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.wake_at(), std::nullopt);
  EXPECT_EQ(life_.shown().state, RunState::Exited);
  EXPECT_EQ(life_.shown().exit->code, 3);
}

TEST_F(LifeTest, WhatIsNotWantedToRunIsNotStarted) {
  want(1, Restart::Always, Wanted::Stopped);
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.shown().state, RunState::Created);
}

TEST_F(LifeTest, StoppingIsAskedOnceAndInTheEndForced) {
  want(1);
  start();
  want(1, Restart::No, Wanted::Stopped);
  EXPECT_EQ(next(), Act::Stop);
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.wake_at(), now().boot + Life::kStopPatience);
  pass(Life::kStopPatience);
  EXPECT_EQ(next(), Act::Kill);
  EXPECT_EQ(next(), Act::Nothing);
  life_.on_loss(now(), Loss::ParentKilled, {});
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.shown().state, RunState::Exited);
}

TEST_F(LifeTest, AStoppedOneStaysStoppedWhateverItsPolicy) {
  want(1, Restart::Always);
  start();
  want(1, Restart::Always, Wanted::Stopped);
  EXPECT_EQ(next(), Act::Stop);
  end(143);
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.wake_at(), std::nullopt);
  EXPECT_EQ(life_.shown().state, RunState::Exited);
}

TEST_F(LifeTest, WhatItsOwnerToldToEndIsOverWhateverItsPolicy) {
  want(1, Restart::Always);
  start();
  life_.on_end(now(), {.state = RunState::Exited,
                       .started = started_,
                       .ended = now().wall,
                       .exit = Exit{.code = 130, .signal = 2},
                       .again = workload::Again::Never});
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.shown().state, RunState::Exited);
  want(2, Restart::Always);
  start();
  end(1);
  EXPECT_EQ(life_.shown().state, RunState::Backoff) << "it was for that one start";
}

TEST_F(LifeTest, ANewGenerationReplacesWhatRuns) {
  want(1);
  start();
  want(2);
  EXPECT_EQ(next(), Act::Stop);
  end(143);
  EXPECT_EQ(life_.shown().state, RunState::Created) << "its end isn't one for good";
  start();
  EXPECT_EQ(life_.record()->generation, 2U);
  EXPECT_EQ(life_.shown().restarts, 0);
}

TEST_F(LifeTest, ANewGenerationStartsWhatHasEnded) {
  want(1);
  start();
  end(0);
  want(2);
  start();
  EXPECT_EQ(life_.shown().state, RunState::Running);
}

TEST_F(LifeTest, StartedAgainWhileItStops) {
  want(1);
  start();
  want(1, Restart::No, Wanted::Stopped);
  EXPECT_EQ(next(), Act::Stop);
  want(2);
  EXPECT_EQ(next(), Act::Nothing) << "it was asked already";
  end(143);
  start();
}

TEST_F(LifeTest, WhatIsUnderWay) {
  want(1);
  EXPECT_TRUE(life_.is_under_way()) << "it is about to be started";
  start();
  EXPECT_FALSE(life_.is_under_way());
  want(1, Restart::No, Wanted::Stopped);
  EXPECT_TRUE(life_.is_under_way());
  EXPECT_EQ(next(), Act::Stop);
  EXPECT_TRUE(life_.is_under_way());
  end(143);
  EXPECT_FALSE(life_.is_under_way());
  want(2);
  start();
  want(3);
  EXPECT_TRUE(life_.is_under_way()) << "another start";
  next();
  end(143);
  EXPECT_TRUE(life_.is_under_way());
  life_.on_delay(now(), "no namespace");
  EXPECT_FALSE(life_.is_under_way()) << "it can't be started now";
  pass(1h);
  start();
  life_.set_wish({});
  EXPECT_TRUE(life_.is_under_way()) << "removed";
}

TEST_F(LifeTest, NeverStartedAndStoppedNothingIsUnderWay) {
  want(1, Restart::Always, Wanted::Stopped);
  EXPECT_FALSE(life_.is_under_way());
}

TEST_F(LifeTest, RemovedWhileItRuns) {
  want(1, Restart::Always);
  start();
  life_.set_wish({});
  EXPECT_EQ(next(), Act::Stop);
  end(143);
  EXPECT_EQ(next(), Act::Remove);
}

TEST_F(LifeTest, RemovalThatFailsIsTriedAgainLater) {
  life_.set_wish({});
  EXPECT_EQ(next(), Act::Remove);
  life_.on_delay(now(), "busy");
  EXPECT_EQ(next(), Act::Nothing);
  ASSERT_TRUE(life_.wake_at());
  pass(100ms);
  EXPECT_EQ(next(), Act::Remove);
}

TEST_F(LifeTest, AStartThatFailsWithoutAPolicyIsTheEnd) {
  want(1);
  ASSERT_EQ(next(), Act::Start);
  life_.on_start();
  life_.on_failure(now(), error(base::Code::Failed, "no such user"));
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.shown().state, RunState::Failed);
  EXPECT_EQ(life_.shown().reason, "no such user");
}

TEST_F(LifeTest, AStartThatFailsIsTriedAgainMoreAndMoreSlowly) {
  want(1, Restart::OnFailure);
  for (const base::Duration wait : {100ms, 200ms, 400ms}) {
    ASSERT_EQ(next(), Act::Start);
    life_.on_start();
    life_.on_failure(now(), error(base::Code::Failed, "no memory"));
    EXPECT_EQ(life_.shown().state, RunState::Backoff);
    EXPECT_EQ(life_.shown().reason, "no memory");
    EXPECT_EQ(life_.shown().retry_at, now().wall + wait);
    EXPECT_EQ(life_.wake_at(), now().boot + wait);
    pass(wait - 1ns);
    EXPECT_EQ(next(), Act::Nothing);
    pass(1ns);
  }
  start();
  EXPECT_EQ(life_.shown().restarts, 3);
}

TEST_F(LifeTest, ASteadyRunStartsTheWaitsFromTheFirst) {
  want(1, Restart::Always);
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(next(), Act::Start);
    life_.on_start();
    life_.on_failure(now(), error(base::Code::Failed, "no memory"));
    pass(30s);
  }
  start();
  pass(Life::kSteady);
  life_.on_loss(now(), Loss::ParentKilled, {.state = RunState::Running, .started = started_});
  EXPECT_EQ(life_.wake_at(), now().boot + 100ms);
}

TEST_F(LifeTest, WhatItNeedsIsWaitedForWithoutAStart) {
  want(1);
  ASSERT_EQ(next(), Act::Start);
  life_.on_delay(now(), "waits for its namespace");
  EXPECT_EQ(life_.record(), std::nullopt);
  EXPECT_EQ(life_.shown().state, RunState::Created);
  EXPECT_EQ(life_.shown().reason, "waits for its namespace");
  pass(100ms);
  start();
  EXPECT_EQ(life_.shown().reason, "");
}

TEST_F(LifeTest, AKilledParentIsAKilledWorkload) {
  want(1);
  start();
  life_.on_loss(now(), Loss::ParentKilled, {.state = RunState::Running, .pid = 42});
  EXPECT_EQ(life_.shown().state, RunState::Exited);
  EXPECT_EQ(life_.shown().exit, (Exit{.code = 137, .signal = 9}));
  EXPECT_EQ(life_.shown().pid, 0);
  EXPECT_EQ(next(), Act::Nothing);
}

TEST_F(LifeTest, AParentKilledAfterTheEndTakesNothingFromIt) {
  want(1, Restart::OnFailure);
  start();
  life_.on_loss(now(), Loss::ParentKilled,
                {.state = RunState::Stopping, .started = started_, .ended = now().wall, .exit = Exit{.code = 0}});
  EXPECT_EQ(life_.shown().state, RunState::Exited);
  EXPECT_EQ(life_.shown().exit, (Exit{.code = 0}));
  EXPECT_EQ(life_.shown().reason, "");
  EXPECT_EQ(next(), Act::Nothing);
}

// What it shows is how the run before this one ended.
TEST_F(LifeTest, AParentKilledWhileItStopsIsAKilledWorkload) {
  want(1);
  start();
  life_.on_loss(now(), Loss::ParentKilled, {.state = RunState::Stopping, .pid = 42, .exit = Exit{.code = 3}});
  EXPECT_EQ(life_.shown().exit, (Exit{.code = 137, .signal = 9}));
}

TEST_F(LifeTest, AKilledParentIsReplacedWhereThePolicySaysSo) {
  want(1, Restart::OnFailure);
  start();
  life_.on_loss(now(), Loss::ParentKilled, {.state = RunState::Running, .pid = 42});
  EXPECT_EQ(life_.shown().state, RunState::Backoff);
  pass(100ms);
  start();
  EXPECT_EQ(life_.shown().restarts, 1);
}

// What a new weftd finds.

TEST_F(LifeTest, ARunningOneIsAdopted) {
  life_ = Life(Record{.generation = 5, .earlier_restarts = 2});
  life_.on_status({.state = RunState::Running, .pid = 42, .restarts = 1});
  want(5);
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.shown().restarts, 3);
}

TEST_F(LifeTest, AnAdoptedOneOfAnEarlierGenerationIsReplaced) {
  life_ = Life(Record{.generation = 5});
  life_.on_status({.state = RunState::Running, .pid = 42});
  want(6);
  EXPECT_EQ(next(), Act::Stop);
}

TEST_F(LifeTest, WithoutARecordWhatRunsIsTakenForWhatIsWanted) {
  life_.on_status({.state = RunState::Running, .pid = 42});
  want(6);
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.record(), (Record{.generation = 6}));
}

TEST_F(LifeTest, WithoutARecordWhatEndedIsTakenForWhatIsWanted) {
  end(4);
  want(6);
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.shown().exit->code, 4);
}

TEST_F(LifeTest, AStartThatWasRecordedButNotCarriedOutIs) {
  life_ = Life(Record{.generation = 1});
  want(1);
  EXPECT_EQ(next(), Act::Start);
}

TEST_F(LifeTest, AfterAPowerCycleOnePolicyStaysAndTheOthersStart) {
  for (const Restart restart : {Restart::No, Restart::OnFailure, Restart::Always}) {
    life_ = Life(Record{.generation = 3});
    life_.on_loss(now(), Loss::PowerCycle, {});
    want(3, restart);
    EXPECT_EQ(next(), restart == Restart::No ? Act::Nothing : Act::Start);
  }
}

TEST_F(LifeTest, AfterAPowerCycleTheReasonIsShown) {
  life_.on_loss(now(), Loss::PowerCycle, {});
  want(3);
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.shown().state, RunState::Exited);
  EXPECT_EQ(life_.shown().exit, std::nullopt);
  EXPECT_EQ(life_.shown().reason, "the machine was restarted");
  want(4);
  EXPECT_EQ(next(), Act::Start);
}

TEST_F(LifeTest, ARecordThatIsOlderThanThePowerCycleSaysNothing) {
  life_ = Life(Record{.generation = 3, .end = Status{.state = RunState::Exited, .exit = Exit{.code = 0}}});
  life_.on_loss(now(), Loss::PowerCycle, {});
  want(4);
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.shown().reason, "the machine was restarted");
}

TEST_F(LifeTest, WhatHadSucceededBeforeThePowerCycleStaysSo) {
  life_ = Life(Record{.generation = 3, .end = Status{.state = RunState::Exited, .exit = Exit{.code = 0}}});
  want(3, Restart::OnFailure);
  EXPECT_EQ(next(), Act::Nothing);
  EXPECT_EQ(life_.shown().exit->code, 0);
}

}  // namespace
}  // namespace weft::runtime
