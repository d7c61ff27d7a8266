#include "diagnosis/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/testing.h"

namespace weft::diagnosis {
namespace {

using api::RunState;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StatusTest : public ::testing::Test {
 protected:
  // Web as it is told; the others run.
  std::vector<Complaint> with_web(std::optional<api::RunStatus> status) const {
    return workload_complaints(world_.state, world_.machine, [&](const model::WorkloadId& id) {
      return id == world_.web_workload ? status : api::RunStatus{.state = RunState::Running};
    });
  }
  void want(model::Restart restart, model::Wanted wanted = model::Wanted::Running) {
    model::Workload web = world_.state.get(world_.web_workload);
    web.restart = restart;
    web.wanted = wanted;
    world_.put({web});
  }
  Complaint of_web(const std::string& what) const {
    return {world_.web_workload.text, "workload web " + what, api::Told::InStatus};
  }

  World world_;
};

TEST_F(StatusTest, WhatRunsIsAsWanted) {
  EXPECT_THAT(with_web(api::RunStatus{.state = RunState::Running}), IsEmpty());
  EXPECT_THAT(with_web(api::RunStatus{.state = RunState::Created}), IsEmpty());
}

TEST_F(StatusTest, AProgramThatEndedMayHaveEnded) {
  const api::RunStatus ended{.state = RunState::Exited, .exit_code = 3};
  EXPECT_THAT(with_web(ended), IsEmpty());
  EXPECT_THAT(with_web(std::nullopt), IsEmpty());
  want(model::Restart::Always);
  EXPECT_THAT(with_web(ended), ElementsAre(of_web("doesn't run: ended with status 3")));
  EXPECT_THAT(with_web(std::nullopt), ElementsAre(of_web("doesn't run: it has not been started here")));
}

TEST_F(StatusTest, WhatFailsSaysWhy) {
  EXPECT_THAT(with_web(api::RunStatus{.state = RunState::Failed, .reason = "no such user"}),
              ElementsAre(of_web("could not be started: no such user")));
  EXPECT_THAT(
      with_web(api::RunStatus{.state = RunState::Backoff, .exit_code = 137, .signal = 9, .restarts = 4, .oom = true}),
      ElementsAre(of_web("is started again after a while, 4 times so far: ended by signal 9, out of memory")));
}

TEST_F(StatusTest, WhatRunsAgainstTheUsersWill) {
  want(model::Restart::No, model::Wanted::Stopped);
  EXPECT_THAT(with_web(api::RunStatus{.state = RunState::Running}),
              ElementsAre(of_web("runs, though it should be stopped")));
  EXPECT_THAT(with_web(api::RunStatus{.state = RunState::Exited}), IsEmpty());
  EXPECT_THAT(with_web(std::nullopt), IsEmpty());
}

TEST_F(StatusTest, OtherMachinesLookAfterTheirOwn) {
  EXPECT_THAT(workload_complaints(world_.state, model::MachineId{"m-00000000000000ff"},
                                  [](const auto&) { return api::RunStatus{.state = RunState::Failed}; }),
              IsEmpty());
}

TEST_F(StatusTest, TargetsNameWhatTheyComplainAbout) {
  EXPECT_THAT(
      target_complaints({{"tni-0000000000000001", "no such device"},
                         {"policy of sg-00000000000000aa", "the table is full"},
                         {"links", "netlink: no buffer"}}),
      ElementsAre(Complaint{"", "links: netlink: no buffer"}, Complaint{"sg-00000000000000aa", "the table is full"},
                  Complaint{"tni-0000000000000001", "no such device"}));
}

TEST_F(StatusTest, AMachineComplainsOnlyWithAReason) {
  EXPECT_THAT(machine_complaint("read-only", ""), IsEmpty());
  EXPECT_THAT(machine_complaint("changes are refused", "the disk is full"),
              ElementsAre(Complaint{"", "changes are refused: the disk is full"}));
}

TEST_F(StatusTest, AProblemRemembersSinceWhenItIsThere) {
  Problems problems;
  const base::WallTime later = world_.now + std::chrono::minutes(5);
  problems.update(world_.now, {{"a", "broken"}});
  problems.update(later, {{"a", "broken"}, {"b", "broken"}});
  ASSERT_THAT(problems.all(), SizeIs(2));
  EXPECT_EQ(problems.all()[0].since, world_.now);
  EXPECT_EQ(problems.all()[1].since, later);
  problems.update(later, {});
  EXPECT_THAT(problems.all(), IsEmpty());
  problems.update(later, {{"a", "broken"}});
  EXPECT_EQ(problems.all()[0].since, later);
}

}  // namespace
}  // namespace weft::diagnosis
