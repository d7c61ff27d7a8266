#include "shim/lifecycle.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace weft::shim {
namespace {

using namespace std::chrono_literals;
using base::BootTime;
using workload::Exit;
using workload::RestartPolicy;
using workload::RunState;

constexpr Ended kGood = {Exit{0, 0}};
constexpr Ended kBad = {Exit{1, 0}};

// A lifecycle and its clock.
struct Story {
  explicit Story(RestartPolicy policy) : life({.policy = policy}) {}

  Act after(base::Duration time, const Event& event) {
    now = now + time;
    return life.step(now, event);
  }
  void run() {
    ASSERT_EQ(after(0ms, Tick{}), Act::Launch);
    ASSERT_EQ(after(0ms, Launched{}), Act::Nothing);
    ASSERT_EQ(life.state(), RunState::Running);
  }
  base::Duration next_wait() const { return *life.wake_at() - now; }

  Lifecycle life;
  BootTime now = {};
};

TEST(Lifecycle, WithoutAPolicyAnEndIsTheEnd) {
  for (const Ended& end : {kGood, kBad}) {
    Story story(RestartPolicy::No);
    story.run();
    EXPECT_EQ(story.after(1s, end), Act::Finish);
    EXPECT_EQ(story.life.state(), RunState::Exited);
    EXPECT_EQ(story.life.wake_at(), std::nullopt);
  }
}

TEST(Lifecycle, OnFailureStartsAgainOnlyAfterAFailure) {
  Story good(RestartPolicy::OnFailure);
  good.run();
  EXPECT_EQ(good.after(1s, kGood), Act::Finish);

  Story bad(RestartPolicy::OnFailure);
  bad.run();
  EXPECT_EQ(bad.after(1s, kBad), Act::Nothing);
  EXPECT_EQ(bad.life.state(), RunState::Backoff);
  EXPECT_EQ(bad.after(99ms, Tick{}), Act::Nothing);
  EXPECT_EQ(bad.after(1ms, Tick{}), Act::Launch);
  EXPECT_EQ(bad.life.restarts(), 1);
}

TEST(Lifecycle, TheWaitDoublesUpToTheLongestAndStartsAnewAfterASteadyRun) {
  Story story(RestartPolicy::Always);
  story.run();
  std::vector<base::Duration> waits;
  for (int i = 0; i < 11; ++i) {
    story.after(5ms, kGood);
    waits.push_back(story.next_wait());
    ASSERT_EQ(story.after(waits.back(), Tick{}), Act::Launch);
    story.after(0ms, Launched{});
  }
  EXPECT_EQ(waits, (std::vector<base::Duration>{100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 12800ms, 25600ms,
                                                30s, 30s}));
  story.after(10s, kBad);
  EXPECT_EQ(story.next_wait(), 100ms);
}

TEST(Lifecycle, ACommandThatIsNotThereFollowsThePolicyToo) {
  Story story(RestartPolicy::Always);
  ASSERT_EQ(story.after(0ms, Tick{}), Act::Launch);
  EXPECT_EQ(story.after(20s, Ended{Exit{127, 0}}), Act::Nothing);
  EXPECT_EQ(story.next_wait(), 100ms);
}

TEST(Lifecycle, WhatCannotBeSetUpFailsForGood) {
  Story story(RestartPolicy::Always);
  ASSERT_EQ(story.after(0ms, Tick{}), Act::Launch);
  EXPECT_EQ(story.after(0ms, NotLaunched{}), Act::Finish);
  EXPECT_EQ(story.life.state(), RunState::Failed);
}

TEST(Lifecycle, AStopAsksAndThenKills) {
  Story story(RestartPolicy::Always);
  story.run();
  EXPECT_EQ(story.after(1s, StopAsked{10s}), Act::Ask);
  EXPECT_EQ(story.life.state(), RunState::Stopping);
  EXPECT_EQ(story.after(9999ms, Tick{}), Act::Nothing);
  EXPECT_EQ(story.after(1ms, Tick{}), Act::Kill);
  EXPECT_EQ(story.life.wake_at(), std::nullopt);
  EXPECT_EQ(story.after(1ms, StopAsked{1s}), Act::Nothing);
  EXPECT_EQ(story.after(1ms, Ended{Exit{137, 9}}), Act::Finish);
  EXPECT_EQ(story.life.state(), RunState::Exited);
}

TEST(Lifecycle, ASecondStopOnlyBringsTheKillForward) {
  Story story(RestartPolicy::No);
  story.run();
  story.after(0ms, StopAsked{10s});
  EXPECT_EQ(story.after(1s, StopAsked{20s}), Act::Nothing);
  EXPECT_EQ(story.next_wait(), 9s);
  EXPECT_EQ(story.after(0s, StopAsked{0s}), Act::Nothing);
  EXPECT_EQ(story.after(0s, Tick{}), Act::Kill);
}

TEST(Lifecycle, ARestartStopsAndStarts) {
  Story story(RestartPolicy::No);
  story.run();
  EXPECT_EQ(story.after(1s, RestartAsked{10s}), Act::Ask);
  EXPECT_EQ(story.after(1s, kGood), Act::Launch);
  EXPECT_EQ(story.life.state(), RunState::Created);
  EXPECT_EQ(story.life.restarts(), 1);
}

TEST(Lifecycle, ARestartEndsTheWaiting) {
  Story story(RestartPolicy::Always);
  story.run();
  story.after(0ms, kBad);
  EXPECT_EQ(story.after(1ms, RestartAsked{10s}), Act::Launch);
}

TEST(Lifecycle, AStopWinsOverARestart) {
  Story story(RestartPolicy::Always);
  story.run();
  story.after(0ms, RestartAsked{10s});
  story.after(0ms, StopAsked{10s});
  EXPECT_EQ(story.after(0ms, RestartAsked{10s}), Act::Nothing);
  EXPECT_EQ(story.after(0ms, kGood), Act::Finish);
}

TEST(Lifecycle, AStopWhileItWaitsEndsIt) {
  Story story(RestartPolicy::Always);
  story.run();
  story.after(0ms, kBad);
  EXPECT_EQ(story.after(1ms, StopAsked{10s}), Act::Finish);
  EXPECT_EQ(story.life.state(), RunState::Exited);
}

// Whatever is asked and whenever, it is launched only when nothing runs, and
// killed only when something does.
TEST(Lifecycle, NeverRunsTwice) {
  base::Rng rng(11);
  for (int round = 0; round < 500; ++round) {
    Story story(static_cast<RestartPolicy>(rng.below(3)));
    enum class World { Idle, Runs, Over } world = World::Idle;
    Act act = story.after(0ms, Tick{});
    for (int step = 0; step < 100 && world != World::Over; ++step) {
      if (act == Act::Launch) {
        ASSERT_EQ(world, World::Idle);
        act = rng.one_in(10) ? story.after(0ms, kBad) : (world = World::Runs, story.after(0ms, Launched{}));
        continue;
      }
      const bool touches = act == Act::Ask || act == Act::Kill;
      ASSERT_TRUE(!touches || world == World::Runs);
      if (act == Act::Finish) {
        ASSERT_EQ(world, World::Idle);
        world = World::Over;
        continue;
      }
      const base::Duration pause = std::chrono::milliseconds(rng.below(3000));
      switch (rng.below(5)) {
        case 0: act = story.after(pause, StopAsked{pause}); break;
        case 1: act = story.after(pause, RestartAsked{pause}); break;
        case 2:
          if (world == World::Runs) {
            world = World::Idle;
            act = story.after(pause, rng.one_in(2) ? kGood : kBad);
            break;
          }
          [[fallthrough]];
        default: act = story.after(pause, Tick{});
      }
    }
  }
}

TEST(Lifecycle, WhatItsOwnerToldToEndIsNotStartedAgain) {
  Story runs(RestartPolicy::Always);
  runs.run();
  EXPECT_EQ(runs.after(1s, EndAsked{}), Act::Nothing) << "in its own time";
  EXPECT_EQ(runs.life.state(), RunState::Running);
  EXPECT_EQ(runs.life.again(), workload::Again::Never);
  EXPECT_EQ(runs.after(1h, kBad), Act::Finish);
  EXPECT_EQ(runs.life.state(), RunState::Exited);

  Story waits(RestartPolicy::OnFailure);
  waits.run();
  waits.after(0ms, kBad);
  ASSERT_EQ(waits.life.state(), RunState::Backoff);
  EXPECT_EQ(waits.after(0ms, EndAsked{}), Act::Finish);
  EXPECT_EQ(waits.life.state(), RunState::Exited);
  EXPECT_EQ(waits.life.wake_at(), std::nullopt);
}

TEST(Lifecycle, ToldToEndDuringARestartItEnds) {
  Story story(RestartPolicy::Always);
  story.run();
  ASSERT_EQ(story.after(1s, RestartAsked{10s}), Act::Ask);
  EXPECT_EQ(story.after(1s, EndAsked{}), Act::Nothing);
  EXPECT_EQ(story.after(1s, kBad), Act::Finish);
}

}  // namespace
}  // namespace weft::shim
