// The runtime with real parents and programs, as weftd uses it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "os/clock.h"
#include "os/file.h"
#include "os/isolated.h"
#include "os/netns.h"
#include "os/process.h"
#include "runtime/runtime.h"

namespace weft::runtime {
namespace {

using namespace std::chrono_literals;
using model::Restart;
using model::Wanted;
using model::Workload;
using model::WorkloadId;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using workload::Exit;
using workload::Frame;
using workload::FrameType;
using workload::RunState;
using workload::ShimClient;
using workload::Status;

constexpr base::Duration kPatience = 20s;
constexpr const char* kNetns = "weft-runtime-test";

const model::MachineId kSelf{"m-0000000000000001"};

bool lives(int64_t pid) {
  const auto process = os::find_process(static_cast<pid_t>(pid));
  if (!process.ok() || !*process) return false;
  const auto open = os::open_process(**process);
  return open.ok() && *open && !os::has_ended(**open);
}

// The agreed state of one machine, and what a command changes in it.
class Agreed {
 public:
  Agreed() { put(model::Machine{.id = kSelf, .name = "here"}); }
  const model::State& state() const { return state_; }
  model::Changes put(const model::Object& object) { return apply(model::Put{object}); }
  model::Changes remove(const WorkloadId& id) { return apply(model::Remove{id}); }

 private:
  model::Changes apply(model::Operation operation) {
    auto changes = state_.apply({.operations = {std::move(operation)}});
    EXPECT_TRUE(changes.ok()) << changes.error().what;
    return std::move(changes).value_or(model::Changes{});
  }
  model::State state_;
};

class RuntimeTest : public os::Isolated {
 protected:
  void SetUp() override {
    os::Isolated::SetUp();
    char name[] = "/tmp/weft-runtime-test-XXXXXX";
    root_ = mkdtemp(name);
    ASSERT_TRUE(os::create_netns(kNetns).ok());
    boot("one");
  }

  void TearDown() override {
    runtime_.reset();
    const auto removed = Runtime::remove_all(options());
    EXPECT_TRUE(removed.ok()) << removed.error().what;
    EXPECT_TRUE(poll([&] { return shims().empty(); }));
    EXPECT_TRUE(os::remove_netns(kNetns).ok());
    std::filesystem::remove_all(root_);
  }

  Options options() const {
    return {.shim = shim_,
            .run_directory = root_ + "/run",
            .state_directory = root_ + "/state",
            .self = kSelf,
            .cgroup_root = cgroup_root_,
            .cgroup = cgroup_,
            .boot_id = root_ + "/boot_id",
            .netns_path = [this](const WorkloadId&) { return "/run/netns/" + netns_; },
            .resolv_conf = [](const model::State&, const Workload&) { return "nameserver 10.0.0.2\n"; }};
  }

  void boot(const std::string& id) { std::ofstream(root_ + "/boot_id") << id << "\n"; }

  void open() {
    auto opened = Runtime::open(loop_, options());
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    runtime_ = std::move(*opened);
    changes_.clear();
    runtime_->on_change([this](const WorkloadId& id, const Status& before, const Status& after) {
      changes_.push_back(fmt::format("{} {}-{}", agreed_.state().find(id) ? agreed_.state().get(id).name : "gone",
                                     name_of(before.state), name_of(after.state)));
    });
  }
  void update(const model::Changes& changes) { runtime_->update(agreed_.state(), changes); }
  // As a weftd that starts.
  void start_weftd() {
    open();
    update({});
  }
  // As one that is killed: nothing of it says goodbye.
  void restart_weftd() {
    runtime_.reset();
    start_weftd();
  }
  // What a power cycle leaves of the run directory.
  void cycle_power() {
    runtime_.reset();
    kill_shims();
    std::filesystem::remove_all(root_ + "/run");
    boot("two");
  }
  // Until they have ended: one that is about to has no command line any more, and its
  // socket still listens.
  void kill_shims() {
    const auto all = shims();
    for (const pid_t shim : all) kill(shim, SIGKILL);
    EXPECT_TRUE(poll([&] { return std::none_of(all.begin(), all.end(), lives); }));
  }

  bool run_until(const std::function<bool()>& condition) {
    const base::BootTime deadline = os::now_boot() + kPatience;
    while (!condition()) {
      if (os::now_boot() > deadline) return false;
      loop_.restart();
      loop_.run_one_for(100ms);
    }
    return true;
  }
  static bool poll(const std::function<bool()>& condition) {
    const base::BootTime deadline = os::now_boot() + kPatience;
    while (!condition()) {
      if (os::now_boot() > deadline) return false;
      usleep(2000);
    }
    return true;
  }

  Workload script(const std::string& text, Restart restart = Restart::No) {
    const uint64_t number = ++number_;
    return {.id = {"w-" + base::hex64(static_cast<uint64_t>(getpid()) << 32 | number)},
            .name = "w" + std::to_string(number),
            .machine = kSelf,
            .command = {"sh", "-c", text},
            .restart = restart};
  }
  WorkloadId run(const Workload& workload) {
    update(agreed_.put(workload));
    return workload.id;
  }

  Status shown(const WorkloadId& id) const { return runtime_->status(id).value_or(Status{.reason = "absent"}); }
  Status wait_for(const WorkloadId& id, RunState state) {
    EXPECT_TRUE(run_until([&] { return shown(id).state == state; }))
        << name_of(shown(id).state) << " instead of " << name_of(state) << " " << shown(id).reason;
    return shown(id);
  }

  std::string directory_of(const WorkloadId& id) const { return root_ + "/run/w/" + id.text; }

  std::vector<pid_t> shims() const {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const auto pid = base::parse_number(entry.path().filename().string(), 1, INT32_MAX);
      if (!pid.ok()) continue;
      std::ifstream file(entry.path() / "cmdline");
      std::stringstream text;
      text << file.rdbuf();
      if (text.str().find(root_ + "/run/w/") != std::string::npos) found.push_back(static_cast<pid_t>(*pid));
    }
    return found;
  }

  struct Output {
    std::string out;
    std::string err;
    std::optional<Exit> exit;
    std::optional<Error> refusal;
  };
  // All that comes on a connection until it ends.
  static Output read_all(os::Fd fd) {
    Output output;
    auto client = ShimClient::adopt(std::move(fd));
    while (true) {
      const auto frame = client->wait(kPatience);
      if (!frame.ok()) {
        EXPECT_EQ(frame.error().code, base::Code::Unavailable) << frame.error().what;
        return output;
      }
      if (frame->type == FrameType::Stdout) output.out += frame->payload;
      if (frame->type == FrameType::Stderr) output.err += frame->payload;
      if (frame->type == FrameType::Exited) output.exit = *workload::parse_exit(frame->payload);
      if (frame->type == FrameType::Refused) {
        output.refusal = workload::parse_refusal(frame->payload);
        return output;
      }
    }
  }

  std::vector<std::string> lines_of(api::LogQuery query) {
    auto stream = runtime_->logs(query);
    EXPECT_TRUE(stream.ok()) << stream.error().what;
    return read_lines(**stream);
  }
  std::vector<std::string> read_lines(api::Stream<api::LogLine>& stream) {
    std::vector<std::string> lines;
    while (true) {
      auto some = stream.take(2);
      EXPECT_TRUE(some.ok()) << some.error().what;
      if (!some.ok()) return lines;
      for (const auto& line : *some) lines.push_back(line.stream + ": " + line.text);
      if (some->empty() && stream.ended()) return lines;
      if (some->empty() && !wait_ready(stream)) return lines;
    }
  }
  bool wait_ready(api::Stream<api::LogLine>& stream) {
    bool ready = false;
    stream.when_ready([&] { ready = true; });
    const bool came = run_until([&] { return ready; });
    EXPECT_TRUE(came);
    return came;
  }

  boost::asio::io_context loop_;
  std::string root_;
  std::string shim_ = WEFT_SHIM_PROGRAM;
  std::string cgroup_root_ = "/sys/fs/cgroup";
  std::string cgroup_ = "/weft-runtime-test-" + std::to_string(getpid());
  std::string netns_ = kNetns;
  Agreed agreed_;
  std::unique_ptr<Runtime> runtime_;
  std::vector<std::string> changes_;
  uint64_t number_ = 0;
};

// One life.

TEST_F(RuntimeTest, WhatIsWantedRunsAndItsExitCodeIsKept) {
  start_weftd();
  const auto id = run(script("exit 7"));
  const Status status = wait_for(id, RunState::Exited);
  EXPECT_EQ(status.exit, (Exit{.code = 7}));
  EXPECT_TRUE(run_until([&] { return !changes_.empty() && changes_.back() == "w1 running-exited"; }));
}

TEST_F(RuntimeTest, ItRunsInItsNamespaceWithItsResolver) {
  start_weftd();
  const auto id = run(script("readlink /proc/self/ns/net; cat /etc/resolv.conf"));
  wait_for(id, RunState::Exited);
  const auto there = os::open_netns(kNetns);
  ASSERT_TRUE(there.ok());
  const auto link = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(there->get()));
  struct stat state {};
  ASSERT_EQ(fstat(there->get(), &state), 0);
  EXPECT_THAT(lines_of({.workload = id}),
              ElementsAre(fmt::format("stdout: net:[{}]", state.st_ino), "stdout: nameserver 10.0.0.2"));
}

TEST_F(RuntimeTest, StopAndStart) {
  start_weftd();
  Workload workload =
      script("trap 'exit 5' TERM; echo > " + root_ + "/ready; while :; do sleep 0.05; done", Restart::Always);
  const auto id = run(workload);
  const int64_t first = wait_for(id, RunState::Running).pid;
  ASSERT_TRUE(poll([&] { return std::filesystem::exists(root_ + "/ready"); }));
  workload.wanted = Wanted::Stopped;
  update(agreed_.put(workload));
  EXPECT_EQ(wait_for(id, RunState::Exited).exit, (Exit{.code = 5}));
  EXPECT_FALSE(lives(first));
  workload.wanted = Wanted::Running;
  ++workload.generation;
  update(agreed_.put(workload));
  EXPECT_NE(wait_for(id, RunState::Running).pid, first);
}

TEST_F(RuntimeTest, ANewGenerationReplacesWhatRunsWithTheNewCommand) {
  start_weftd();
  Workload workload = script("exec sleep 1000");
  const auto id = run(workload);
  const int64_t first = wait_for(id, RunState::Running).pid;
  bool ended = false;
  const auto waiter = runtime_->wait(id, [&](const Status&) { ended = true; });
  workload.command = {"sleep", "2000"};
  ++workload.generation;
  update(agreed_.put(workload));
  ASSERT_TRUE(run_until([&] { return shown(id).state == RunState::Running && shown(id).pid != first; }));
  EXPECT_FALSE(lives(first));
  EXPECT_FALSE(ended) << "a restart isn't an end";
  EXPECT_EQ(shown(id).restarts, 0);
}

TEST_F(RuntimeTest, RemovalEndsAllOfItAndLeavesNothing) {
  start_weftd();
  const auto id = run(script("sleep 1000 & exec sleep 1000"));
  const int64_t pid = wait_for(id, RunState::Running).pid;
  std::optional<Status> end;
  const auto waiter = runtime_->wait(id, [&](const Status& status) { end = status; });
  update(agreed_.remove(id));
  ASSERT_TRUE(run_until([&] { return end.has_value(); }));
  EXPECT_EQ(end->exit, (Exit{.code = 143, .signal = 15}));
  EXPECT_EQ(runtime_->status(id), std::nullopt);
  EXPECT_FALSE(lives(pid));
  EXPECT_FALSE(std::filesystem::exists(directory_of(id)));
  EXPECT_FALSE(std::filesystem::exists(root_ + "/state/" + id.text));

  std::optional<Status> remembered;
  const auto late = runtime_->wait(id, [&](const Status& status) { remembered = status; });
  ASSERT_TRUE(late.ok());
  EXPECT_TRUE(run_until([&] { return remembered == end; }));
  EXPECT_EQ(runtime_->wait({"w-00000000000000ff"}, [](const Status&) {}).error().code, base::Code::NotFound);
}

TEST_F(RuntimeTest, WhoWaitsForAStopIsToldWhenItHasEnded) {
  start_weftd();
  Workload slow = script("trap 'sleep 0.2; exit 5' TERM; echo > " + root_ + "/ready; while :; do sleep 0.05; done");
  const auto id = run(slow);
  ASSERT_TRUE(run_until([&] { return std::filesystem::exists(root_ + "/ready"); }));
  const int64_t pid = wait_for(id, RunState::Running).pid;
  slow.wanted = Wanted::Stopped;
  update(agreed_.put(slow));
  std::optional<RunState> when_told;
  const auto waiter = runtime_->await_wanted(id, [&] { when_told = shown(id).state; });
  bool told_others = false;
  const auto other = runtime_->await_wanted(run(script("sleep 1000")), [&] { told_others = true; });
  ASSERT_TRUE(run_until([&] { return told_others; }));
  EXPECT_FALSE(when_told) << "nobody else waits for it";
  ASSERT_TRUE(run_until([&] { return when_told.has_value(); }));
  EXPECT_EQ(when_told, RunState::Exited);
  EXPECT_FALSE(lives(pid));
}

TEST_F(RuntimeTest, WhoWaitsForARestartIsToldWhenTheNewOneIsThere) {
  start_weftd();
  Workload workload = script("exec sleep 1000");
  const auto id = run(workload);
  const int64_t first = wait_for(id, RunState::Running).pid;
  ++workload.generation;
  update(agreed_.put(workload));
  bool told = false;
  const auto waiter = runtime_->await_wanted(id, [&] { told = true; });
  ASSERT_TRUE(run_until([&] { return told; }));
  EXPECT_FALSE(lives(first));
  EXPECT_NE(wait_for(id, RunState::Running).pid, first);
}

TEST_F(RuntimeTest, WhoWaitsForARemovalIsToldWhenNothingIsLeft) {
  start_weftd();
  const auto id = run(script("exec sleep 1000"));
  wait_for(id, RunState::Running);
  update(agreed_.remove(id));
  bool told = false;
  const auto waiter = runtime_->await_wanted(id, [&] { told = true; });
  ASSERT_TRUE(run_until([&] { return told; }));
  EXPECT_FALSE(std::filesystem::exists(directory_of(id)));
  told = false;
  const auto late = runtime_->await_wanted(id, [&] { told = true; });
  EXPECT_FALSE(told) << "not from within the call";
  EXPECT_TRUE(run_until([&] { return told; }));
}

TEST_F(RuntimeTest, WhatStopsAskingIsNotTold) {
  start_weftd();
  const auto id = run(script("exec sleep 1000"));
  wait_for(id, RunState::Running);
  auto waiter = runtime_->wait(id, [](const Status&) { ADD_FAILURE() << "nobody waits any more"; });
  waiter->reset();
  update(agreed_.remove(id));
  EXPECT_TRUE(run_until([&] { return !runtime_->status(id); }));
  loop_.restart();
  loop_.poll();
}

TEST_F(RuntimeTest, OthersWorkloadsAreNotRun) {
  start_weftd();
  const model::MachineId other{"m-0000000000000002"};
  update(agreed_.put(model::Machine{.id = other, .name = "there"}));
  Workload elsewhere = script("true");
  elsewhere.machine = other;
  Workload external = script("true");
  external.kind = model::WorkloadKind::External;
  external.command.clear();
  run(elsewhere);
  run(external);
  EXPECT_EQ(runtime_->status(elsewhere.id), std::nullopt);
  EXPECT_EQ(runtime_->status(external.id), std::nullopt);
}

// What goes wrong.

TEST_F(RuntimeTest, ItWaitsForItsNamespace) {
  netns_ = "weft-runtime-later";
  start_weftd();
  const auto id = run(script("exit 0"));
  EXPECT_TRUE(run_until([&] { return shown(id).reason.starts_with("waits for its network namespace"); }));
  EXPECT_EQ(shown(id).state, RunState::Created);
  ASSERT_TRUE(os::create_netns(netns_).ok());
  EXPECT_EQ(wait_for(id, RunState::Exited).exit, (Exit{.code = 0}));
  EXPECT_TRUE(os::remove_netns(netns_).ok());
}

TEST_F(RuntimeTest, WhatCannotBeSetUpFailsWithItsReason) {
  start_weftd();
  Workload workload = script("true");
  workload.user = "nobody-of-this-name";
  const auto id = run(workload);
  EXPECT_THAT(wait_for(id, RunState::Failed).reason, HasSubstr("nobody-of-this-name"));
}

TEST_F(RuntimeTest, ALimitThatCannotBeSetIsNotPassedOver) {
  cgroup_root_ = root_;
  start_weftd();
  Workload workload = script("true");
  workload.limits.memory = 64 << 20;
  const auto id = run(workload);
  EXPECT_THAT(wait_for(id, RunState::Failed).reason, HasSubstr("memory"));
}

TEST_F(RuntimeTest, AParentThatCannotStartIsTriedAgainWhereThePolicySaysSo) {
  shim_ = "/no/such/weft-shim";
  start_weftd();
  const auto once = run(script("true"));
  const auto again = run(script("true", Restart::Always));
  EXPECT_THAT(wait_for(once, RunState::Failed).reason, HasSubstr("/no/such/weft-shim"));
  EXPECT_TRUE(run_until([&] { return shown(again).restarts >= 2; }));
  EXPECT_EQ(shown(again).state, RunState::Backoff);
  EXPECT_EQ(shown(once).restarts, 0);
}

TEST_F(RuntimeTest, AKilledParent) {
  start_weftd();
  const auto once = run(script("exec sleep 1000"));
  const auto again = run(script("exec sleep 1000", Restart::OnFailure));
  const int64_t first = wait_for(once, RunState::Running).pid;
  const int64_t second = wait_for(again, RunState::Running).pid;
  kill(static_cast<pid_t>(shown(once).shim), SIGKILL);
  kill(static_cast<pid_t>(shown(again).shim), SIGKILL);
  const Status end = wait_for(once, RunState::Exited);
  EXPECT_EQ(end.exit, (Exit{.code = 137, .signal = 9}));
  EXPECT_THAT(end.reason, HasSubstr("weft-shim, was killed"));
  EXPECT_TRUE(run_until([&] { return shown(again).state == RunState::Running && shown(again).restarts == 1; }));
  EXPECT_TRUE(poll([&] { return !lives(first) && !lives(second); }));
  // What a killed parent can't take away goes with the workload.
  update(agreed_.remove(once));
  EXPECT_TRUE(run_until([&] { return !runtime_->status(once); }));
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    EXPECT_FALSE(std::filesystem::exists(root + cgroup_ + "/" + once.text));
  }
}

// Another weftd.

TEST_F(RuntimeTest, WhatRunsIsAdopted) {
  start_weftd();
  const auto id = run(script("exec sleep 1000"));
  const Status before = wait_for(id, RunState::Running);
  restart_weftd();
  EXPECT_EQ(shown(id), before) << "known from the first moment";
  update(agreed_.remove(id));
  EXPECT_TRUE(run_until([&] { return !runtime_->status(id); }));
  EXPECT_FALSE(lives(before.pid));
}

TEST_F(RuntimeTest, WhatIsAdoptedIsHeard) {
  start_weftd();
  const auto id = run(
      script("while ! test -e " + root_ + "/go; do sleep 0.02; done; rm " + root_ + "/go; exit 1", Restart::OnFailure));
  const Status before = wait_for(id, RunState::Running);
  restart_weftd();
  std::ofstream(root_ + "/go") << "now";
  EXPECT_TRUE(run_until([&] { return shown(id).state == RunState::Running && shown(id).restarts == 1; }));
  EXPECT_EQ(shown(id).shim, before.shim);
}

TEST_F(RuntimeTest, NothingHappensToAnybodyBeforeTheFirstUpdate) {
  start_weftd();
  const auto id = run(script("exec sleep 1000"));
  const Status before = wait_for(id, RunState::Running);
  runtime_.reset();
  open();
  loop_.restart();
  loop_.run_for(50ms);
  EXPECT_TRUE(lives(before.pid));
  EXPECT_THAT(changes_, IsEmpty());
}

TEST_F(RuntimeTest, WhatEndedInBetweenIsTold) {
  start_weftd();
  const auto id = run(script("while ! test -e " + root_ + "/go; do sleep 0.02; done; exit 3"));
  wait_for(id, RunState::Running);
  runtime_.reset();
  std::ofstream(root_ + "/go") << "now";
  ASSERT_TRUE(poll([&] { return shims().empty(); }));
  start_weftd();
  EXPECT_EQ(shown(id).exit, (Exit{.code = 3}));
  EXPECT_TRUE(run_until([&] { return !changes_.empty(); }));
  EXPECT_THAT(changes_, ElementsAre("w1 created-exited"));
  restart_weftd();
  loop_.restart();
  loop_.poll();
  EXPECT_THAT(changes_, IsEmpty()) << "it was told already";
}

TEST_F(RuntimeTest, WhatNobodyWantsAnyMoreIsEnded) {
  start_weftd();
  const auto id = run(script("exec sleep 1000"));
  const Status before = wait_for(id, RunState::Running);
  runtime_.reset();
  agreed_.remove(id);
  start_weftd();
  EXPECT_TRUE(run_until([&] { return !runtime_->status(id); }));
  EXPECT_FALSE(lives(before.pid));
  EXPECT_FALSE(std::filesystem::exists(directory_of(id)));
}

TEST_F(RuntimeTest, AKilledDaemonLeavesEverythingRunning) {
  const Workload workload = script("exec sleep 1000");
  agreed_.put(workload);
  const pid_t daemon = fork();
  if (daemon == 0) {
    start_weftd();
    loop_.run_for(std::chrono::minutes(1));
    _exit(1);
  }
  const auto status = [&] { return workload::read_status(directory_of(workload.id)).value_or(Status{}); };
  ASSERT_TRUE(poll([&] { return status().state == RunState::Running; }));
  ASSERT_EQ(kill(daemon, SIGKILL), 0);
  ASSERT_EQ(waitpid(daemon, nullptr, 0), daemon);
  start_weftd();
  EXPECT_EQ(shown(workload.id).pid, status().pid);
  EXPECT_TRUE(lives(status().pid));
  loop_.restart();
  loop_.poll();
  EXPECT_EQ(shown(workload.id).state, RunState::Running);
}

TEST_F(RuntimeTest, RemoveAllLeavesNothingThatRuns) {
  start_weftd();
  const auto stubborn = run(script("trap '' TERM; while :; do sleep 0.05; done", Restart::Always));
  const Status status = wait_for(stubborn, RunState::Running);
  runtime_.reset();
  const auto removed = Runtime::remove_all(options());
  ASSERT_TRUE(removed.ok()) << removed.error().what;
  EXPECT_FALSE(lives(status.pid));
  EXPECT_FALSE(lives(status.shim));
  EXPECT_FALSE(std::filesystem::exists(root_ + "/run/w"));
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    EXPECT_FALSE(std::filesystem::exists(root + cgroup_));
  }
}

// The power goes.

TEST_F(RuntimeTest, AfterAPowerCycleThePolicyDecides) {
  start_weftd();
  const auto once = run(script("exec sleep 1000"));
  const auto on_failure = run(script("exec sleep 1000", Restart::OnFailure));
  const auto always = run(script("exec sleep 1000", Restart::Always));
  const auto done = run(script("exit 0", Restart::OnFailure));
  Workload stopped = script("exec sleep 1000", Restart::Always);
  stopped.wanted = Wanted::Stopped;
  run(stopped);
  for (const auto& id : {once, on_failure, always}) wait_for(id, RunState::Running);
  wait_for(done, RunState::Exited);
  cycle_power();
  start_weftd();
  wait_for(on_failure, RunState::Running);
  wait_for(always, RunState::Running);
  EXPECT_EQ(shown(once).state, RunState::Exited);
  EXPECT_EQ(shown(once).reason, "the machine was restarted");
  EXPECT_EQ(shown(done).exit, (Exit{.code = 0}));
  EXPECT_EQ(shown(stopped.id).state, RunState::Created);
  const Status before = shown(always);
  restart_weftd();
  EXPECT_EQ(shown(once).reason, "the machine was restarted");
  EXPECT_EQ(shown(always), before);
}

TEST_F(RuntimeTest, AfterAPowerCycleWithoutRecordsNothingRunsTwice) {
  start_weftd();
  const auto once = run(script("exec sleep 1000"));
  wait_for(once, RunState::Running);
  cycle_power();
  ASSERT_TRUE(std::filesystem::remove(root_ + "/state/" + once.text));
  start_weftd();
  EXPECT_EQ(shown(once).state, RunState::Exited);
  const auto fresh = run(script("exit 4"));
  EXPECT_EQ(wait_for(fresh, RunState::Exited).exit, (Exit{.code = 4}));
}

// A container's restart is one, too, although its kernel goes on.
TEST_F(RuntimeTest, ARunDirectoryThatIsGoneIsAPowerCycle) {
  start_weftd();
  const auto once = run(script("exec sleep 1000"));
  const auto always = run(script("exec sleep 1000", Restart::Always));
  wait_for(once, RunState::Running);
  wait_for(always, RunState::Running);
  cycle_power();
  boot("one");
  start_weftd();
  wait_for(always, RunState::Running);
  EXPECT_EQ(shown(once).reason, "the machine was restarted");
}

// It may as well lie on a disk.
TEST_F(RuntimeTest, ARunDirectoryThatOutlivesThePowerCycleSaysWhatWas) {
  start_weftd();
  const auto once = run(script("exec sleep 1000"));
  const Status before = wait_for(once, RunState::Running);
  runtime_.reset();
  kill_shims();
  boot("two");
  start_weftd();
  EXPECT_EQ(shown(once).state, RunState::Exited);
  EXPECT_EQ(shown(once).reason, "the machine was restarted");
  EXPECT_EQ(shown(once).started, before.started);
}

TEST_F(RuntimeTest, AStartThatCouldNotBeCarriedOutBeforeTheDaemonDiedIs) {
  start_weftd();
  runtime_.reset();
  const Workload workload = script("exit 4");
  agreed_.put(workload);
  start_weftd();
  EXPECT_EQ(wait_for(workload.id, RunState::Exited).exit, (Exit{.code = 4}));
}

TEST_F(RuntimeTest, AStartThatWasOnlyRecordedIsCarriedOut) {
  const Workload workload = script("exit 4");
  agreed_.put(workload);
  std::filesystem::create_directories(root_ + "/state");
  std::filesystem::create_directories(directory_of(workload.id));
  std::ofstream(root_ + "/state/" + workload.id.text) << encode(Record{.generation = 1});
  start_weftd();
  EXPECT_EQ(wait_for(workload.id, RunState::Exited).exit, (Exit{.code = 4}));
}

TEST_F(RuntimeTest, WhatAPowerCutSpoiltIsPassedOver) {
  const Workload workload = script("exit 4");
  agreed_.put(workload);
  std::filesystem::create_directories(directory_of(workload.id));
  std::filesystem::create_directories(root_ + "/state");
  std::ofstream(root_ + "/state/" + workload.id.text) << "";
  std::ofstream(root_ + "/state/unknown") << "something";
  std::filesystem::create_directories(root_ + "/run/w/unknown");
  start_weftd();
  EXPECT_EQ(wait_for(workload.id, RunState::Exited).exit, (Exit{.code = 4}));
  EXPECT_TRUE(std::filesystem::exists(root_ + "/state/unknown")) << "not ours";
}

// A parent that only listens, to be as unkind as none of ours is.
class UnkindParent {
 public:
  UnkindParent(const std::string& directory, const Status& status) {
    std::filesystem::create_directories(directory);
    std::ofstream(directory + "/status") << encode(status);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory + "/sock").copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = os::Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_.get(), 8), 0);
  }
  // The next who comes and asks for something, if anybody has.
  os::Fd accept() {
    os::Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char byte = 0;
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    (void)setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (client.valid() && recv(client.get(), &byte, 1, 0) <= 0) client.reset();
    return client;
  }

 private:
  os::Fd listener_;
};

TEST_F(RuntimeTest, AParentThatHangsUpIsMetAgainButNotAllTheTime) {
  const Workload workload = script("true");
  agreed_.put(workload);
  UnkindParent parent(directory_of(workload.id), {.state = RunState::Running, .shim = getpid(), .pid = getpid()});
  start_weftd();
  int calls = 0;
  const base::BootTime start = os::now_boot();
  ASSERT_TRUE(run_until([&] {
    if (parent.accept().valid()) ++calls;
    return calls == 3;
  }));
  EXPECT_GE(os::now_boot() - start, 1s);
  EXPECT_EQ(shown(workload.id).state, RunState::Running) << "it is there";
}

TEST_F(RuntimeTest, AParentThatTalksNonsenseIsAProblemUntilItDoesNot) {
  const Workload workload = script("true");
  agreed_.put(workload);
  UnkindParent parent(directory_of(workload.id), {.state = RunState::Running, .shim = getpid(), .pid = getpid()});
  start_weftd();
  const os::Fd first = parent.accept();
  ASSERT_TRUE(first.valid());
  ASSERT_TRUE(os::write_all(first.get(), std::string(64, '\377')).ok());
  ASSERT_TRUE(run_until([&] { return !runtime_->problems().empty(); }));
  os::Fd second;
  ASSERT_TRUE(run_until([&] { return (second = parent.accept()).valid(); }));
  std::string last;
  append_frame(last, FrameType::StatusIs, encode(Status{.state = RunState::Exited, .exit = Exit{.code = 8}}));
  ASSERT_TRUE(os::write_all(second.get(), last).ok());
  EXPECT_EQ(wait_for(workload.id, RunState::Exited).exit, (Exit{.code = 8}));
  EXPECT_THAT(runtime_->problems(), IsEmpty());
}

// Output and input.

TEST_F(RuntimeTest, WhoStartsAttachedMissesNothing) {
  start_weftd();
  const Workload workload = script("echo early; echo error >&2; cat");
  runtime_->start_attached(workload.id);
  run(workload);
  auto fd = runtime_->attach(workload.id);
  ASSERT_TRUE(fd.ok()) << fd.error().what;
  auto client = ShimClient::adopt(std::move(*fd));
  client->send(FrameType::Stdin, "typed\n");
  client->send(FrameType::StdinEnd);
  ASSERT_TRUE(client->flush().ok());
  os::Fd rest(dup(client->fd()));
  const Output output = read_all(std::move(rest));
  EXPECT_EQ(output.out, "early\ntyped\n");
  EXPECT_EQ(output.err, "error\n");
  EXPECT_EQ(wait_for(workload.id, RunState::Exited).exit, (Exit{.code = 0}));
}

TEST_F(RuntimeTest, WhoFetchesAfterTheEndHasAllOfTheOutput) {
  start_weftd();
  const Workload workload = script("echo all; exit 9");
  runtime_->start_attached(workload.id);
  run(workload);
  EXPECT_EQ(wait_for(workload.id, RunState::Exited).exit, (Exit{.code = 9}));
  auto fd = runtime_->attach(workload.id);
  ASSERT_TRUE(fd.ok()) << fd.error().what;
  EXPECT_EQ(read_all(std::move(*fd)).out, "all\n");
  EXPECT_EQ(runtime_->attach(workload.id).error().code, base::Code::Unavailable);
}

TEST_F(RuntimeTest, AParentKilledWhileItWaitsForItsOwnerHasLeftTheExitCode) {
  start_weftd();
  const Workload workload = script("while ! test -e " + root_ + "/go; do sleep 0.02; done; exit 9");
  runtime_->start_attached(workload.id);
  run(workload);
  { auto fd = runtime_->attach(workload.id); }
  std::ofstream(root_ + "/go") << "now";
  const Status waiting = wait_for(workload.id, RunState::Stopping);
  kill(static_cast<pid_t>(waiting.shim), SIGKILL);
  EXPECT_EQ(wait_for(workload.id, RunState::Exited).exit, (Exit{.code = 9}));
}

TEST_F(RuntimeTest, AnOwnerWhoNeverComesHoldsNothingUp) {
  start_weftd();
  const Workload workload = script("head -c 1000000 /dev/zero; exit 2");
  runtime_->start_attached(workload.id);
  run(workload);
  const base::BootTime start = os::now_boot();
  EXPECT_EQ(wait_for(workload.id, RunState::Exited).exit, (Exit{.code = 2}));
  EXPECT_GE(os::now_boot() - start, Runtime::kFetchTime - 100ms) << "its output had an owner until then";
}

TEST_F(RuntimeTest, AttachingLaterSeesWhatComesFromThen) {
  start_weftd();
  const auto id = run(script("while ! test -e " + root_ + "/go; do sleep 0.02; done; echo late"));
  wait_for(id, RunState::Running);
  auto fd = runtime_->attach(id);
  ASSERT_TRUE(fd.ok()) << fd.error().what;
  auto owner = ShimClient::adopt(std::move(*fd));
  ASSERT_EQ(owner->wait(kPatience)->type, FrameType::Done);
  auto second = runtime_->attach(id);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(read_all(std::move(*second)).refusal->code, base::Code::Conflict);
  std::ofstream(root_ + "/go") << "now";
  EXPECT_EQ(read_all(os::Fd(dup(owner->fd()))).out, "late\n");
}

TEST_F(RuntimeTest, Exec) {
  start_weftd();
  const auto id = run(script("exec sleep 1000"));
  EXPECT_EQ(runtime_->exec(id, {.argv = {}}).error().code, base::Code::Usage);
  auto fd = runtime_->exec(id, {.argv = {"sh", "-c", "echo inside; exit 6"}});
  ASSERT_TRUE(fd.ok()) << fd.error().what;
  const Output output = read_all(std::move(*fd));
  EXPECT_EQ(output.out, "inside\n");
  EXPECT_EQ(output.exit, (Exit{.code = 6}));
  EXPECT_EQ(runtime_->exec({"w-00000000000000ff"}, {.argv = {"true"}}).error().code, base::Code::NotFound);
}

TEST_F(RuntimeTest, ExecOfALongCommand) {
  start_weftd();
  const auto id = run(script("exec sleep 1000"));
  wait_for(id, RunState::Running);
  workload::Command command{.argv = {"sh", "-c", "echo $#", "sh"}};
  for (int i = 0; i < 8; ++i) command.argv.emplace_back(100'000, 'x');
  auto fd = runtime_->exec(id, command);
  ASSERT_TRUE(fd.ok()) << fd.error().what;
  EXPECT_EQ(read_all(std::move(*fd)).out, "8\n");
}

TEST_F(RuntimeTest, ExecWhereNothingRunsSaysSo) {
  start_weftd();
  const auto id = run(script("exit 1"));
  wait_for(id, RunState::Exited);
  const auto fd = runtime_->exec(id, {.argv = {"true"}});
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.error().what, "the workload has ended");
}

TEST_F(RuntimeTest, LogsOfWhatHasEnded) {
  start_weftd();
  const auto id = run(script("echo one; echo two; echo three >&2"));
  wait_for(id, RunState::Exited);
  const auto all = lines_of({.workload = id});
  EXPECT_THAT(all, testing::UnorderedElementsAre("stdout: one", "stdout: two", "stderr: three"));
  EXPECT_THAT(lines_of({.workload = id, .tail = 1}), ElementsAre(all.back()));
  EXPECT_THAT(lines_of({.workload = id, .tail = 0}), IsEmpty());
  EXPECT_EQ(lines_of({.workload = id, .follow = true}), all);
  EXPECT_EQ(runtime_->logs({.workload = {"w-00000000000000ff"}}).error().code, base::Code::NotFound);
}

TEST_F(RuntimeTest, FollowingALogGoesOnUntilTheEnd) {
  start_weftd();
  Workload workload = script("echo one; while ! test -e " + root_ + "/go; do sleep 0.02; done; echo two");
  update(agreed_.put(workload));
  // It may not even have started.
  auto stream = runtime_->logs({.workload = workload.id, .follow = true});
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(wait_ready(**stream));
  EXPECT_EQ((*stream)->take(10)->size(), 1U);
  EXPECT_FALSE((*stream)->ended());
  std::ofstream(root_ + "/go") << "now";
  EXPECT_THAT(read_lines(**stream), ElementsAre("stdout: two"));
}

TEST_F(RuntimeTest, FollowingEndsWithRemoval) {
  start_weftd();
  const auto id = run(script("echo one; exec sleep 1000"));
  wait_for(id, RunState::Running);
  auto stream = runtime_->logs({.workload = id, .follow = true});
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(wait_ready(**stream));
  update(agreed_.remove(id));
  EXPECT_THAT(read_lines(**stream), ElementsAre("stdout: one"));
}

// Many.

// A parent with sanitizers takes a hundred times as long to start.
#ifdef __SANITIZE_ADDRESS__
constexpr int kMany = 20;
#else
constexpr int kMany = 200;
#endif

TEST_F(RuntimeTest, ManyStartAndEnd) {
  start_weftd();
  std::vector<Workload> workloads;
  const base::BootTime begin = os::now_boot();
  for (int i = 0; i < kMany; ++i) {
    workloads.push_back(script("exec sleep 1000"));
    run(workloads.back());
  }
  const auto count = [&](RunState state) {
    return std::count_if(workloads.begin(), workloads.end(),
                         [&](const Workload& workload) { return shown(workload.id).state == state; });
  };
  ASSERT_TRUE(run_until([&] { return count(RunState::Running) == kMany; })) << count(RunState::Running);
  const base::BootTime running = os::now_boot();
  runtime_.reset();
  const base::BootTime gone = os::now_boot();
  start_weftd();
  EXPECT_EQ(count(RunState::Running), kMany);
  const base::BootTime adopted = os::now_boot();
  for (const auto& workload : workloads) update(agreed_.remove(workload.id));
  ASSERT_TRUE(run_until([&] {
    return std::none_of(workloads.begin(), workloads.end(),
                        [&](const Workload& workload) { return runtime_->status(workload.id).has_value(); });
  }));
  const base::BootTime ended = os::now_boot();
  const auto millis = [](base::Duration duration) {
    return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
  };
  RecordProperty("start_ms", millis(running - begin));
  RecordProperty("adopt_ms", millis(adopted - gone));
  RecordProperty("end_ms", millis(ended - adopted));
}

}  // namespace
}  // namespace weft::runtime
