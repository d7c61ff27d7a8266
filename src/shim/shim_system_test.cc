// weft-shim with real programs, from the outside: a directory, a socket, processes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/text.h"
#include "os/clock.h"
#include "workload/backlog.h"
#include "workload/log_record.h"
#include "workload/shim_client.h"

namespace weft::workload {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr base::Duration kPatience = 20s;

bool eventually(const std::function<bool()>& condition) {
  const base::BootTime deadline = os::now_boot() + kPatience;
  while (!condition()) {
    if (os::now_boot() > deadline) return false;
    usleep(2000);
  }
  return true;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Living processes whose command line holds the marker.
std::vector<pid_t> processes_with(const std::string& marker) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = base::parse_number(entry.path().filename().string(), 1, INT32_MAX);
    if (!pid.ok() || static_cast<pid_t>(*pid) == getpid()) continue;
    const std::string line = text_of(entry.path() / "cmdline");
    if (line.find(marker) != std::string::npos) found.push_back(static_cast<pid_t>(*pid));
  }
  return found;
}

bool is_alive(int64_t pid) {
  const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
  const size_t end = stat.rfind(')');
  return end != std::string::npos && stat.size() > end + 2 && stat[end + 2] != 'Z' && stat[end + 2] != 'X';
}

struct Output {
  std::string out;
  std::string err;
  std::optional<Exit> exit;
};

class ShimTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/weft-shim-test-XXXXXX";
    directory_ = mkdtemp(name);
    spec_.id = "w-" + base::hex64(static_cast<uint64_t>(os::now_boot().ns));
    spec_.name = "test";
    spec_.cgroup = "/weft-shim-test-" + std::to_string(getpid());
  }

  void TearDown() override {
    const auto status = read_status(directory_);
    if (status.ok() && status->shim > 0 && !shim_is_gone()) {
      auto client = ShimClient::connect(directory_);
      if (client.ok()) {
        client->send(FrameType::Stop, encode_grace(0ms));
        (void)client->wait(kPatience);
      }
      EXPECT_TRUE(eventually([&] { return shim_is_gone(); }));
    }
    // Whatever a test did: neither a process nor a group stays.
    EXPECT_TRUE(eventually([&] { return processes_with(directory_).empty(); })) << directory_;
    EXPECT_THAT(groups_left(), ElementsAre());
    for (const auto& parent : parents()) EXPECT_EQ(rmdir(parent.c_str()), 0) << parent;
    std::filesystem::remove_all(directory_);
  }

  std::vector<std::filesystem::path> parents() const {
    std::vector<std::filesystem::path> found;
    for (const char* hierarchy : {"", "/unified", "/memory", "/cpu", "/pids"}) {
      const std::filesystem::path path = "/sys/fs/cgroup" + std::string(hierarchy) + spec_.cgroup;
      if (std::filesystem::exists(path)) found.push_back(path);
    }
    return found;
  }

  std::vector<std::string> groups_left() const {
    std::vector<std::string> left;
    for (const auto& parent : parents()) {
      const auto group = parent / spec_.id;
      if (std::filesystem::exists(group)) left.push_back(group.string());
    }
    return left;
  }

  bool shim_is_gone() const {
    const auto status = read_status(directory_);
    return !status.ok() || !is_alive(status->shim);
  }

  void run_script(const std::string& script) { spec_.command.argv = {"sh", "-c", script}; }

  ShimClient start(const std::vector<Frame>& first = {{FrameType::Subscribe, ""}}) {
    auto client = start_shim(WEFT_SHIM_PROGRAM, directory_, spec_, first);
    EXPECT_TRUE(client.ok()) << client.error().what;
    return std::move(*client);
  }

  ShimClient connect() {
    auto client = ShimClient::connect(directory_);
    EXPECT_TRUE(client.ok()) << client.error().what;
    return std::move(*client);
  }

  // The next status, of whatever state; other frames are passed over.
  static Status next_status(ShimClient& client) {
    while (true) {
      const auto frame = client.wait(kPatience);
      EXPECT_TRUE(frame.ok()) << frame.error().what;
      if (!frame.ok()) return {};
      if (frame->type == FrameType::StatusIs) return *parse_status(frame->payload);
    }
  }

  static Status wait_for(ShimClient& client, RunState state) {
    while (true) {
      const Status status = next_status(client);
      if (status.state == state || testing::Test::HasFailure()) return status;
      if (status.state == RunState::Failed || status.state == RunState::Exited) {
        ADD_FAILURE() << name_of(status.state) << " instead of " << name_of(state) << ": " << status.reason;
        return status;
      }
    }
  }

  Status run_to_end() {
    auto client = start();
    return wait_for(client, RunState::Exited);
  }

  static Result<> ask(ShimClient& client, FrameType type, const std::string& payload = {}) {
    client.send(type, payload);
    while (true) {
      const auto frame = TRY(client.wait(kPatience));
      if (frame.type == FrameType::Done) return {};
      if (frame.type == FrameType::Refused) return parse_refusal(frame.payload);
    }
  }

  // All that comes until the stream ends.
  static Output read_all(ShimClient& client) {
    Output output;
    while (true) {
      const auto frame = client.wait(kPatience);
      if (!frame.ok()) {
        EXPECT_EQ(frame.error().code, base::Code::Unavailable) << frame.error().what;
        return output;
      }
      if (frame->type == FrameType::Stdout) output.out += frame->payload;
      if (frame->type == FrameType::Stderr) output.err += frame->payload;
      if (frame->type == FrameType::Exited) output.exit = *parse_exit(frame->payload);
    }
  }

  // Reads the owner's or exec's output until it holds the text.
  static std::string read_until(ShimClient& client, const std::string& text) {
    std::string output;
    while (output.find(text) == std::string::npos) {
      const auto frame = client.wait(kPatience);
      if (!frame.ok()) {
        ADD_FAILURE() << frame.error().what << " after " << output;
        return output;
      }
      if (frame->type == FrameType::Stdout || frame->type == FrameType::Stderr) output += frame->payload;
    }
    return output;
  }

  Output exec(const Command& command) {
    auto client = connect();
    const auto started = ask(client, FrameType::Exec, encode_command(command));
    if (!started.ok()) return {.out = {}, .err = started.error().what, .exit = {}};
    return read_all(client);
  }

  std::vector<LogRecord> log(const std::string& name = "output") const {
    std::vector<LogRecord> records;
    std::ifstream file(directory_ + "/log/" + name);
    for (std::string line; std::getline(file, line);) {
      auto record = parse_log_record(line);
      EXPECT_TRUE(record.ok()) << line;
      if (record.ok()) records.push_back(std::move(*record));
    }
    return records;
  }

  std::vector<std::string> log_lines() const {
    std::vector<std::string> lines;
    for (const auto& record : log()) lines.push_back(std::string(name_of(record.stream)) + ": " + record.text);
    return lines;
  }

  std::string directory_;
  Spec spec_;
};

const std::vector<Frame> kOwner = {{FrameType::Subscribe, ""},
                                   {FrameType::Attach, encode_attach({.as = AttachAs::Owner})}};

// How it ends.

TEST_F(ShimTest, AnExitCodeIsKept) {
  run_script("exit 7");
  const Status status = run_to_end();
  EXPECT_EQ(status.exit, (Exit{.code = 7, .signal = 0}));
  EXPECT_EQ(status.pid, 0);
  EXPECT_GE(status.ended, status.started);
  EXPECT_EQ(*read_status(directory_), status);
}

TEST_F(ShimTest, ADeathBySignalIs128AndTheSignal) {
  run_script("kill -USR1 $$");
  EXPECT_EQ(run_to_end().exit, (Exit{.code = 138, .signal = SIGUSR1}));
}

TEST_F(ShimTest, ACommandThatIsNotThereIs127) {
  spec_.command.argv = {"no-such-program-anywhere"};
  const Status status = run_to_end();
  EXPECT_EQ(status.exit, (Exit{.code = 127, .signal = 0}));
  EXPECT_THAT(status.reason, HasSubstr("'no-such-program-anywhere': No such file or directory"));
}

TEST_F(ShimTest, ACommandThatCannotBeExecutedIs126) {
  spec_.command.argv = {"/etc/passwd"};
  EXPECT_EQ(run_to_end().exit, (Exit{.code = 126, .signal = 0}));
}

TEST_F(ShimTest, WhatCannotBeSetUpFailsWithItsReason) {
  struct Case {
    std::function<void(Spec&)> spoil;
    const char* reason;
  };
  for (const auto& [spoil, reason] :
       {Case{[](Spec& s) { s.netns = "/run/netns/weft-no-such"; },
             "network namespace /run/netns/weft-no-such: No such"},
        Case{[](Spec& s) { s.command.user = "nobody-of-this-name"; }, "no user 'nobody-of-this-name'"},
        Case{[](Spec& s) { s.command.workdir = "/no/such"; }, "change to /no/such: No such file"}}) {
    Spec spec = spec_;
    spec.restart.policy = RestartPolicy::Always;
    spec.command.argv = {"true"};
    spoil(spec);
    auto client = start_shim(WEFT_SHIM_PROGRAM, directory_, spec, {{FrameType::Subscribe, ""}});
    ASSERT_TRUE(client.ok());
    const Status status = wait_for(*client, RunState::Failed);
    EXPECT_THAT(status.reason, HasSubstr(reason));
    EXPECT_EQ(status.exit, std::nullopt);
    EXPECT_TRUE(eventually([&] { return shim_is_gone(); }));
  }
}

TEST_F(ShimTest, ASpecThatMakesNoSenseIsRefusedAtOnce) {
  run_script("true");
  std::ofstream(directory_ + "/spec") << "id w-1\narg true\nwishes 3\n";
  const pid_t pid = fork();
  if (pid == 0) {
    execl(WEFT_SHIM_PROGRAM, WEFT_SHIM_PROGRAM, directory_.c_str(), nullptr);
    _exit(99);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_EQ(read_status(directory_)->state, RunState::Failed);
  EXPECT_THAT(read_status(directory_)->reason, HasSubstr("wishes is not known"));
}

// Stopping.

TEST_F(ShimTest, AStopAsksFirst) {
  run_script("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done");
  auto client = start(kOwner);
  read_until(client, "ready\n");
  client.send(FrameType::Stop);
  EXPECT_EQ(read_until(client, "bye\n"), "bye\n");
  EXPECT_EQ(wait_for(client, RunState::Exited).exit, (Exit{.code = 3, .signal = 0}));
}

TEST_F(ShimTest, WhoDoesNotListenIsKilledWithAllOfItsOwn) {
  run_script("trap '' TERM; setsid sh -c \"trap '' TERM HUP; sleep 1000; : " + directory_ +
             "\" & echo ready; while :; do sleep 1; done");
  auto client = start(kOwner);
  read_until(client, "ready\n");
  ASSERT_TRUE(eventually([&] { return processes_with("sleep 1000; : " + directory_).size() == 2; }));
  client.send(FrameType::Stop, encode_grace(50ms));
  const Status status = wait_for(client, RunState::Exited);
  EXPECT_EQ(status.exit, (Exit{.code = 137, .signal = SIGKILL}));
  EXPECT_TRUE(processes_with("sleep 1000; : " + directory_).empty());
}

TEST_F(ShimTest, ASignalOfItsOwnerEndsItWithoutARestart) {
  spec_.restart.policy = RestartPolicy::Always;
  run_script("trap 'exit 3' INT; echo ready; while :; do sleep 0.01; done");
  auto client = start(kOwner);
  read_until(client, "ready\n");
  ASSERT_TRUE(ask(client, FrameType::Signal, encode_signal(SIGINT)).ok());
  const Status status = wait_for(client, RunState::Exited);
  EXPECT_EQ(status.exit, (Exit{.code = 3, .signal = 0}));
  EXPECT_EQ(status.again, Again::Never);
  EXPECT_EQ(status.restarts, 0);
}

TEST_F(ShimTest, ASignalOfItsOwnerThatMeansSomethingElseEndsNothing) {
  spec_.restart = {.policy = RestartPolicy::Always, .first = 1ms};
  run_script("trap 'exit 3' USR1; echo ready; while :; do sleep 0.01; done");
  auto client = start(kOwner);
  read_until(client, "ready\n");
  ASSERT_TRUE(ask(client, FrameType::Signal, encode_signal(SIGUSR1)).ok());
  read_until(client, "ready\n");
}

TEST_F(ShimTest, BetweenTwoRunsASignalOfItsOwnerEndsItAtOnce) {
  spec_.restart = {.policy = RestartPolicy::OnFailure, .first = 1h, .longest = 1h};
  run_script("exit 4");
  auto client = start(kOwner);
  wait_for(client, RunState::Backoff);
  ASSERT_TRUE(ask(client, FrameType::Signal, encode_signal(SIGTERM)).ok());
  EXPECT_EQ(wait_for(client, RunState::Exited).exit, (Exit{.code = 4, .signal = 0}));
}

TEST_F(ShimTest, AKeyThatInterruptsEndsItWithoutARestart) {
  spec_.restart.policy = RestartPolicy::Always;
  spec_.command.terminal = WindowSize{};
  run_script("echo ready; exec sleep 1000");
  auto client = start(kOwner);
  read_until(client, "ready");
  client.send(FrameType::Stdin, "\x03");
  EXPECT_EQ(wait_for(client, RunState::Exited).exit, (Exit{.code = 130, .signal = SIGINT}));
}

TEST_F(ShimTest, BetweenTwoRunsAKeyThatInterruptsEndsItAtOnce) {
  spec_.restart = {.policy = RestartPolicy::Always, .first = 1h, .longest = 1h};
  spec_.command.terminal = WindowSize{};
  run_script("exit 4");
  auto client = start(kOwner);
  wait_for(client, RunState::Backoff);
  client.send(FrameType::Stdin, "x");
  client.send(FrameType::Stdin, "\x03");
  EXPECT_EQ(wait_for(client, RunState::Exited).exit, (Exit{.code = 4, .signal = 0}));
}

TEST_F(ShimTest, TheStopSignalIsTheOneOfTheSpec) {
  spec_.stop.signal = SIGQUIT;
  run_script("trap 'exit 5' QUIT; trap '' TERM; echo ready; while :; do sleep 0.01; done");
  auto client = start(kOwner);
  read_until(client, "ready\n");
  client.send(FrameType::Stop);
  EXPECT_EQ(wait_for(client, RunState::Exited).exit->code, 5);
}

TEST_F(ShimTest, SigtermToTheShimStopsTheWorkloadAndEndsBoth) {
  spec_.restart.policy = RestartPolicy::Always;
  run_script("exec sleep 1000");
  auto client = start();
  const Status running = wait_for(client, RunState::Running);
  kill(static_cast<pid_t>(running.shim), SIGTERM);
  EXPECT_EQ(wait_for(client, RunState::Exited).exit, (Exit{.code = 143, .signal = SIGTERM}));
  EXPECT_TRUE(eventually([&] { return shim_is_gone(); }));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/sock"));
}

TEST_F(ShimTest, TheEndOfTheCommandIsTheEndOfWhatItLeftBehind) {
  run_script("setsid sh -c 'sleep 1000; : " + directory_ + "' & exit 0");
  EXPECT_EQ(run_to_end().exit->code, 0);
  EXPECT_TRUE(processes_with("sleep 1000; : " + directory_).empty());
}

TEST_F(ShimTest, SignalsReachTheCommand) {
  run_script("trap 'exit 9' USR1; echo ready; while :; do sleep 0.01; done");
  auto client = start(kOwner);
  read_until(client, "ready\n");
  auto other = connect();
  EXPECT_TRUE(ask(other, FrameType::Signal, encode_signal(SIGUSR1)).ok());
  EXPECT_EQ(wait_for(client, RunState::Exited).exit->code, 9);
}

// Starting again.

TEST_F(ShimTest, AFailureStartsItAgainAfterAWaitThatDoubles) {
  spec_.restart = {.policy = RestartPolicy::OnFailure, .first = 20ms, .longest = 1s, .steady = 10s};
  const std::string count = directory_ + "/count";
  run_script("echo x >> " + count + "; test $(wc -l < " + count + ") -ge 4");
  auto client = start();
  std::vector<base::Duration> waits;
  Status status;
  do {
    status = next_status(client);
    if (status.state == RunState::Backoff) waits.push_back(status.retry_at - status.ended);
  } while (status.state != RunState::Exited && !HasFailure());
  EXPECT_EQ(status.exit->code, 0);
  EXPECT_EQ(status.restarts, 3);
  ASSERT_EQ(waits.size(), 3u);
  EXPECT_GE(waits[1], 35ms);
  EXPECT_GE(waits[2], 75ms);
}

TEST_F(ShimTest, AlwaysIsAlsoAfterSuccess) {
  spec_.restart = {.policy = RestartPolicy::Always, .first = 1ms, .longest = 2ms, .steady = 10s};
  run_script("true");
  auto client = start();
  while (next_status(client).restarts < 5 && !HasFailure()) {
  }
  client.send(FrameType::Stop);
  EXPECT_GE(wait_for(client, RunState::Exited).restarts, 5);
}

TEST_F(ShimTest, AStopEndsTheWaitingToo) {
  spec_.restart = {.policy = RestartPolicy::Always, .first = 1h, .longest = 1h, .steady = 10s};
  const auto marker = "exit 1; : " + directory_;
  run_script(marker);
  auto client = start();
  wait_for(client, RunState::Backoff);
  EXPECT_EQ(processes_with(marker).size(), 0u);
  client.send(FrameType::Stop);
  EXPECT_EQ(wait_for(client, RunState::Exited).exit->code, 1);
}

TEST_F(ShimTest, ARestartIsANewProcessUnderTheSameShim) {
  run_script("exec sleep 1000");
  auto client = start();
  const Status before = wait_for(client, RunState::Running);
  client.send(FrameType::Restart);
  wait_for(client, RunState::Stopping);
  const Status after = wait_for(client, RunState::Running);
  EXPECT_NE(after.pid, before.pid);
  EXPECT_EQ(after.shim, before.shim);
  EXPECT_EQ(after.restarts, 1);
}

// What the command finds.

TEST_F(ShimTest, ItsEnvironmentIsTheSpecsAndNothingElse) {
  setenv("WEFT_TEST_SECRET", "1", 1);
  spec_.command = {.argv = {"env"}, .env = {"A=1 2", "HOME=/somewhere"}};
  auto client = start(kOwner);
  const std::string env = read_all(client).out;
  unsetenv("WEFT_TEST_SECRET");
  EXPECT_EQ(env, "A=1 2\nHOME=/somewhere\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
}

TEST_F(ShimTest, UserDirectoryUmaskSignalsAndDescriptorsAreAsExpected) {
  spec_.command = {.argv = {"sh", "-c",
                            "id -u; id -g; id -G; pwd; umask; ls /proc/self/fd | wc -l; "
                            "grep -E 'Sig(Blk|Ign)' /proc/self/status; test $(ps -o sid= $$) = $$ && echo leader"},
                   .user = "33:4",
                   .workdir = "/var"};
  auto client = start(kOwner);
  const Output output = read_all(client);
  // ls has its three streams and the directory that it reads.
  EXPECT_EQ(output.out, "33\n4\n4\n/var\n0022\n4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nleader\n")
      << output.err;
}

TEST_F(ShimTest, ItSeesOnlyItsOwnProcesses) {
  run_script("ps -e -o pid=,args= | sed 's/^ *//'; kill -9 1; echo still here");
  auto client = start(kOwner);
  const std::string out = read_all(client).out;
  const auto lines = base::split(base::trim(out), '\n');
  ASSERT_GE(lines.size(), 3u) << out;
  EXPECT_THAT(std::string(lines.front()), StartsWith("1 "));
  EXPECT_LE(lines.size(), 6u) << out;
  EXPECT_THAT(out, EndsWith("still here\n"));
}

TEST_F(ShimTest, ItResolvesNamesByItsOwnFiles) {
  const std::string before = text_of("/etc/resolv.conf");
  spec_.resolv_conf = "nameserver 192.0.2.53\n";
  spec_.hosts = "192.0.2.1 somewhere\n";
  spec_.command = {.argv = {"sh", "-c", "cat /etc/resolv.conf; cat /etc/hosts; getent hosts somewhere"},
                   .user = "nobody"};
  auto client = start(kOwner);
  EXPECT_EQ(read_all(client).out, "nameserver 192.0.2.53\n192.0.2.1 somewhere\n192.0.2.1       somewhere\n");
  EXPECT_EQ(text_of("/etc/resolv.conf"), before);
}

// Debian's systemd-resolved makes /etc/resolv.conf a symbolic link.
TEST_F(ShimTest, AResolvConfThatIsALinkIsCoveredWhereItLeads) {
  spec_.resolv_conf = "nameserver 192.0.2.53\n";
  spec_.command = {.argv = {"sh", "-c", "test -L /etc/resolv.conf && cat /etc/resolv.conf"}};
  const pid_t machine = fork();
  if (machine == 0) {
    const std::string layers = directory_ + "/etc";
    for (const char* layer : {"", "/upper", "/work"}) mkdir((layers + layer).c_str(), 0755);
    const std::string options = "lowerdir=/etc,upperdir=" + layers + "/upper,workdir=" + layers + "/work";
    const std::string stub = directory_ + "/stub-resolv.conf";
    std::ofstream(stub) << "nameserver 127.0.0.53\n";
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(90);
    if (mount("overlay", "/etc", "overlay", 0, options.c_str()) != 0) _exit(77);
    if (unlink("/etc/resolv.conf") != 0 || symlink(stub.c_str(), "/etc/resolv.conf") != 0) _exit(91);
    auto client = start(kOwner);
    _exit(read_all(client).out == "nameserver 192.0.2.53\n" && text_of(stub) == "nameserver 127.0.0.53\n" ? 0 : 92);
  }
  int how = 0;
  waitpid(machine, &how, 0);
  if (WEXITSTATUS(how) == 77) GTEST_SKIP() << "no overlay over /etc here";
  EXPECT_EQ(WEXITSTATUS(how), 0);
}

TEST_F(ShimTest, ItLivesInTheNetworkNamespaceOfTheSpec) {
  const pid_t holder = fork();
  if (holder == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNET) != 0) _exit(1);
    pause();
    _exit(0);
  }
  const std::string netns = "/proc/" + std::to_string(holder) + "/ns/net";
  const auto ours = std::filesystem::read_symlink("/proc/self/ns/net");
  ASSERT_TRUE(eventually([&] {
    std::error_code fault;
    return std::filesystem::read_symlink(netns, fault) != ours && !fault;
  }));
  const std::string theirs = std::filesystem::read_symlink(netns).string();
  spec_.netns = netns;
  run_script("readlink /proc/self/ns/net; exec sleep 1000");
  auto client = start(kOwner);
  EXPECT_EQ(read_until(client, "\n"), theirs + "\n");
  EXPECT_EQ(exec({.argv = {"readlink", "/proc/self/ns/net"}}).out, theirs + "\n");
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
}

// Input and output.

TEST_F(ShimTest, TheOwnerMissesNothingAndGivesInput) {
  spec_.command = {.argv = {"sh", "-c", "cat; echo done >&2"}, .input = Stdin::Pipe};
  auto first = kOwner;
  first.push_back({FrameType::Stdin, "one\n"});
  first.push_back({FrameType::Stdin, "two"});
  first.push_back({FrameType::StdinEnd, ""});
  auto client = start(first);
  const Output output = read_all(client);
  EXPECT_EQ(output.out, "one\ntwo");
  EXPECT_EQ(output.err, "done\n");
}

// Sends input as far as there is room for it.
class Sender {
 public:
  Sender(ShimClient& client, std::string_view text) : client_(client), text_(text) {}

  void take(const Frame& frame) {
    if (frame.type != FrameType::StdinUpTo) return;
    const size_t end = std::min<uint64_t>(text_.size(), parse_up_to(frame.payload).value());
    for (; at_ < end; at_ += std::min(kStreamChunkBytes, end - at_)) {
      client_.send(FrameType::Stdin, text_.substr(at_, std::min(kStreamChunkBytes, end - at_)));
    }
    if (at_ == text_.size()) client_.send(FrameType::StdinEnd);
  }
  // Until nobody makes room any more.
  void send_all_that_fits() {
    while (const auto frame = client_.wait(200ms)) take(*frame);
  }
  size_t sent() const { return at_; }

 private:
  ShimClient& client_;
  std::string_view text_;
  size_t at_ = 0;
};

TEST_F(ShimTest, ManyMegabytesGoThroughWhole) {
  constexpr size_t kBytes = 8 << 20;
  spec_.command = {.argv = {"cat"}, .input = Stdin::Pipe};
  spec_.log = {.file_bytes = 4096, .files = 1};
  auto client = start(kOwner);
  std::string sent, got;
  for (size_t i = 0; i < kBytes / 8; ++i) sent += fmt::format("{:07}\n", i);
  Sender sender(client, sent);
  for (auto frame = client.wait(kPatience); frame.ok(); frame = client.wait(kPatience)) {
    sender.take(*frame);
    if (frame->type == FrameType::Stdout) got += frame->payload;
  }
  EXPECT_EQ(got.size(), sent.size());
  EXPECT_TRUE(got == sent);
}

TEST_F(ShimTest, AnOwnerWhoDoesNotReadLetsTheCommandWaitAndLosesNothing) {
  run_script("seq 1 300000; echo end >&2");
  auto client = start(kOwner);
  auto other = connect();
  EXPECT_TRUE(ask(other, FrameType::Attach, encode_attach({.as = AttachAs::Viewer})).ok());
  // The command can't be done: what it wrote fits nowhere.
  client.send(FrameType::GetStatus);
  ASSERT_TRUE(client.flush().ok());
  EXPECT_EQ(read_status(directory_)->state, RunState::Running);
  std::string expected;
  for (int i = 1; i <= 300'000; ++i) expected += fmt::format("{}\n", i);
  const Output output = read_all(client);
  EXPECT_TRUE(output.out == expected) << output.out.size() << " " << expected.size();
  EXPECT_EQ(output.err, "end\n");
}

TEST_F(ShimTest, AViewerWhoDoesNotReadIsDroppedAndHoldsNothingUp) {
  run_script("read go; seq 1 300000");
  spec_.command.input = Stdin::Pipe;
  auto owner = start(kOwner);
  auto viewer = connect();
  ASSERT_TRUE(ask(viewer, FrameType::Attach, encode_attach({.as = AttachAs::Viewer})).ok());
  owner.send(FrameType::Stdin, "go\n");
  const Output all = read_all(owner);
  EXPECT_THAT(all.out, EndsWith("300000\n"));
  std::optional<FrameType> last;
  while (const auto frame = viewer.wait(kPatience)) last = frame->type;
  EXPECT_EQ(last, FrameType::Dropped);
}

TEST_F(ShimTest, ThereIsOneOwner) {
  run_script("exec sleep 1000");
  auto owner = start(kOwner);
  wait_for(owner, RunState::Running);
  auto other = connect();
  const auto refused = ask(other, FrameType::Attach, encode_attach({.as = AttachAs::Owner}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, base::Code::Conflict);
  EXPECT_EQ(ask(other, FrameType::Stdin, "x").error().code, base::Code::Denied);
  { const auto gone = std::move(owner); }
  EXPECT_TRUE(eventually([&] {
    auto again = connect();
    return ask(again, FrameType::Attach, encode_attach({.as = AttachAs::Owner})).ok();
  }));
}

// The owner's connection breaks, and it comes back.
struct Return {
  ShimClient client;
  Progress progress;
};

class ShimReturnTest : public ShimTest {
 protected:
  // Once the shim has seen that the last one went.
  Return come_back(const Progress& had) {
    const base::BootTime deadline = os::now_boot() + kPatience;
    while (true) {
      auto client = connect();
      client.send(FrameType::Attach, encode_attach({.had = had}));
      const auto frame = client.wait(kPatience);
      if (frame.ok() && frame->type == FrameType::Done) {
        return {std::move(client), parse_progress(frame->payload)->value()};
      }
      if (os::now_boot() > deadline) {
        ADD_FAILURE() << "nobody may attach";
        return {std::move(client), {}};
      }
    }
  }
  static Progress progress_of(ShimClient& owner) {
    while (true) {
      const auto frame = owner.wait(kPatience);
      EXPECT_TRUE(frame.ok()) << frame.error().what;
      if (!frame.ok()) return {};
      if (frame->type == FrameType::Done) return parse_progress(frame->payload)->value();
    }
  }
  void let_go_on() { std::ofstream(directory_ + "/go") << "now"; }
  // Of the script: until let_go_on().
  std::string wait_line() const { return "while ! test -e " + directory_ + "/go; do sleep 0.02; done; "; }
};

TEST_F(ShimReturnTest, AnOwnerWhoComesBackGoesOnWhereItWas) {
  run_script("read x; echo one $x; echo two >&2; " + wait_line() + "echo three; read y; echo four $y; exit 4");
  spec_.command.input = Stdin::Pipe;
  Progress had;
  {
    auto owner = start(kOwner);
    had = progress_of(owner);
    EXPECT_EQ(had, (Progress{.life = had.life, .output = 0, .input = 0}));
    owner.send(FrameType::Stdin, "typed\n");
    ASSERT_TRUE(owner.flush().ok());
    EXPECT_EQ(read_until(owner, "two\n"), "one typed\ntwo\n");
  }
  let_go_on();
  had.output = 4;
  auto [owner, progress] = come_back(had);
  EXPECT_EQ(progress, (Progress{.life = had.life, .output = 4, .input = 6}));
  EXPECT_EQ(read_until(owner, "three\n"), "typed\ntwo\nthree\n");
  owner.send(FrameType::Stdin, "again\n");
  EXPECT_EQ(read_all(owner).out, "four again\n");
  EXPECT_EQ(read_status(directory_)->exit, (Exit{.code = 4}));
}

TEST_F(ShimReturnTest, AnOwnerWhoComesBackIsToldHowManyOfItsSignalsWereTaken) {
  run_script("trap 'echo got' USR1; echo ready; while :; do sleep 0.01; done");
  Progress had;
  {
    auto owner = start(kOwner);
    had = progress_of(owner);
    read_until(owner, "ready\n");
    owner.send(FrameType::Signal, encode_signal(SIGUSR1));
    EXPECT_EQ(progress_of(owner), (Progress{.life = had.life, .output = 6, .signals = 1}));
    owner.send(FrameType::Signal, encode_signal(SIGUSR1));
    ASSERT_TRUE(owner.flush().ok());
  }
  auto other = connect();
  ASSERT_TRUE(ask(other, FrameType::Signal, encode_signal(SIGUSR1)).ok());
  EXPECT_EQ(come_back(had).progress.signals, 2u);
}

TEST_F(ShimReturnTest, TheEndWaitsForAnOwnerWhoIsAwayForAMoment) {
  run_script(wait_line() + "echo last; exit 6");
  { auto owner = start(kOwner); }
  let_go_on();
  EXPECT_TRUE(eventually([&] { return read_status(directory_)->state == RunState::Stopping; }));
  auto [owner, progress] = come_back({});
  EXPECT_EQ(read_until(owner, "last\n"), "last\n");
  EXPECT_EQ(wait_for(owner, RunState::Exited).exit, (Exit{.code = 6}));
  EXPECT_EQ(read_status(directory_)->state, RunState::Exited);
  EXPECT_EQ(read_status(directory_)->exit, (Exit{.code = 6}));
}

TEST_F(ShimReturnTest, AnOwnerWhoStaysAwayIsntWaitedForLong) {
  run_script(wait_line() + "exit 6");
  const base::BootTime lost = os::now_boot();
  { auto owner = start(kOwner); }
  let_go_on();
  EXPECT_TRUE(eventually([&] { return read_status(directory_)->state == RunState::Exited; }));
  EXPECT_GE(os::now_boot() - lost, 9s);
}

TEST_F(ShimReturnTest, WhoWasToEndBeforeDoesntWaitForTheOwner) {
  run_script("trap 'sleep 0.2; exit 6' TERM; touch " + directory_ + "/ready; while :; do sleep 0.02; done");
  { auto owner = start(kOwner); }
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(directory_ + "/ready"); }));
  // Nobody is attached any more once another could be.
  { const auto again = come_back({}); }
  auto watcher = connect();
  watcher.send(FrameType::Subscribe);
  const base::BootTime asked = os::now_boot();
  watcher.send(FrameType::Stop);
  wait_for(watcher, RunState::Stopping);
  Status status;
  while (status.state != RunState::Exited && !HasFailure()) status = next_status(watcher);
  EXPECT_EQ(status.exit, (Exit{.code = 6}));
  EXPECT_LT(os::now_boot() - asked, 5s);
}

TEST_F(ShimReturnTest, AnotherOwnerGivesInputAlthoughTheLastOnesHasEnded) {
  spec_.restart = {.policy = RestartPolicy::OnFailure, .first = 1h, .longest = 1h};
  run_script("cat; exit 1");
  spec_.command.input = Stdin::Pipe;
  {
    auto first = start(kOwner);
    first.send(FrameType::Stdin, "old\n");
    first.send(FrameType::StdinEnd);
    wait_for(first, RunState::Backoff);
  }
  auto [owner, progress] = come_back({});
  EXPECT_EQ(progress.input, 4u);
  ASSERT_TRUE(ask(owner, FrameType::Restart).ok());
  owner.send(FrameType::Stdin, "new\n");
  EXPECT_EQ(read_until(owner, "new\n"), "new\n");
}

TEST_F(ShimReturnTest, AnotherShimBeginsAgain) {
  run_script("echo new; " + wait_line() + "cat");
  auto first = start();
  wait_for(first, RunState::Running);
  auto [owner, progress] = come_back({.life = 1, .output = 2, .input = 3});
  EXPECT_NE(progress.life, 1u);
  EXPECT_EQ(progress.output, 0u);
  EXPECT_EQ(progress.input, 0u);
  // Its command takes no input: what an owner sends is for nobody, and holds nothing up.
  const std::string much(1 << 20, 'x');
  Sender sender(owner, much);
  sender.send_all_that_fits();
  EXPECT_EQ(sender.sent(), much.size());
  let_go_on();
  EXPECT_EQ(wait_for(owner, RunState::Exited).exit, (Exit{.code = 0}));
}

TEST_F(ShimReturnTest, WhoAsksForTheEndDoesntWaitForTheOwner) {
  run_script(wait_line() + "exit 6");
  { auto owner = start(kOwner); }
  auto watcher = connect();
  watcher.send(FrameType::Subscribe);
  let_go_on();
  wait_for(watcher, RunState::Stopping);
  const base::BootTime asked = os::now_boot();
  watcher.send(FrameType::Stop);
  EXPECT_EQ(wait_for(watcher, RunState::Exited).exit, (Exit{.code = 6}));
  EXPECT_LT(os::now_boot() - asked, 5s);
}

TEST_F(ShimReturnTest, WhatWasNotKeptIsTold) {
  run_script("seq 1 100; " + wait_line() + "seq 101 300000; echo end");
  Progress had;
  {
    auto owner = start(kOwner);
    had = progress_of(owner);
    read_until(owner, "100\n");
  }
  let_go_on();
  EXPECT_TRUE(eventually([&] { return read_status(directory_)->state == RunState::Stopping; }));
  std::string all;
  for (int i = 1; i <= 300'000; ++i) all += fmt::format("{}\n", i);
  all += "end\n";
  had.output = 292;
  auto [owner, progress] = come_back(had);
  EXPECT_GT(progress.output, 292u);
  EXPECT_TRUE(read_all(owner).out == all.substr(progress.output));
  EXPECT_GE(all.size() - progress.output, kMostBacklogBytes - 2 * kStreamChunkBytes);
}

TEST_F(ShimTest, InputThatHasEndedHasEndedForEveryRun) {
  spec_.restart = {.policy = RestartPolicy::OnFailure, .first = 1ms, .longest = 1ms};
  run_script("cat; echo >>" + directory_ + "/runs; test $(wc -l <" + directory_ + "/runs) = 3");
  spec_.command.input = Stdin::Pipe;
  auto first = kOwner;
  first.push_back({FrameType::Stdin, "once\n"});
  first.push_back({FrameType::StdinEnd, ""});
  auto owner = start(first);
  EXPECT_EQ(read_all(owner).out, "once\n");
  EXPECT_EQ(read_status(directory_)->restarts, 2);
}

TEST_F(ShimTest, WhatARunDoesNotReadIsForNobodyAndTheNextReadsOn) {
  spec_.restart = {.policy = RestartPolicy::OnFailure, .first = 1ms};
  const std::string go = directory_ + "/go";
  run_script("if test -e " + go + "; then echo again; exec cat; fi; exec <&-; echo closed; while ! test -e " + go +
             "; do sleep 0.02; done; exit 1");
  spec_.command.input = Stdin::Pipe;
  auto owner = start(kOwner);
  read_until(owner, "closed\n");
  owner.send(FrameType::Stdin, "lost\n");
  owner.send(FrameType::GetStatus);
  wait_for(owner, RunState::Running);
  std::ofstream(go) << "now";
  read_until(owner, "again\n");
  owner.send(FrameType::Stdin, "kept\n");
  owner.send(FrameType::StdinEnd);
  EXPECT_EQ(read_all(owner).out, "kept\n");
}

TEST_F(ShimTest, ASignalOvertakesInputThatNobodyReads) {
  spec_.command = {.argv = {"sleep", "1000"}, .input = Stdin::Pipe};
  auto owner = start(kOwner);
  const std::string much(1 << 20, 'x');
  Sender sender(owner, much);
  sender.send_all_that_fits();
  EXPECT_GE(sender.sent(), 64u * 1024);
  EXPECT_LT(sender.sent(), much.size());
  owner.send(FrameType::Signal, encode_signal(SIGINT));
  EXPECT_EQ(wait_for(owner, RunState::Exited).exit, (Exit{.code = 130, .signal = SIGINT}));
}

TEST_F(ShimTest, ASignalToACommandInsideOvertakesInputToo) {
  run_script("exec sleep 1000");
  auto keeper = start();
  wait_for(keeper, RunState::Running);
  auto client = connect();
  client.send(FrameType::Exec, encode_command({.argv = {"sleep", "1000"}, .input = Stdin::Pipe}));
  const std::string much(1 << 20, 'x');
  Sender sender(client, much);
  sender.send_all_that_fits();
  EXPECT_GE(sender.sent(), 64u * 1024);
  client.send(FrameType::Signal, encode_signal(SIGTERM));
  EXPECT_EQ(read_all(client).exit, (Exit{.code = 143, .signal = SIGTERM}));
}

TEST_F(ShimTest, MoreInputThanThereIsRoomForIsRefused) {
  spec_.command = {.argv = {"sleep", "1000"}, .input = Stdin::Pipe};
  {
    auto owner = start(kOwner);
    wait_for(owner, RunState::Running);
    for (int i = 0; i < 20; ++i) owner.send(FrameType::Stdin, std::string(30'000, 'x'));
    auto frame = owner.wait(kPatience);
    while (frame.ok() && frame->type != FrameType::Refused) frame = owner.wait(kPatience);
    ASSERT_TRUE(frame.ok());
    EXPECT_EQ(parse_refusal(frame->payload).code, base::Code::Limit);
  }
  EXPECT_TRUE(eventually([&] {
    auto again = connect();
    return ask(again, FrameType::Attach, encode_attach({.as = AttachAs::Owner})).ok();
  }));
}

TEST_F(ShimTest, ATerminalIsOne) {
  spec_.command = {.argv = {"sh", "-c",
                            "tty; stty size; echo $TERM; trap 'stty size; exit 4' WINCH; "
                            "while :; do read x && echo got $x; done"},
                   .user = "nobody",
                   .terminal = WindowSize{.rows = 33, .columns = 77}};
  auto client = start(kOwner);
  const std::string hello = read_until(client, "xterm\r\n");
  EXPECT_THAT(hello, StartsWith("/dev/pts/"));
  EXPECT_THAT(hello, HasSubstr("33 77\r\n"));
  client.send(FrameType::Stdin, "abc\n");
  EXPECT_THAT(read_until(client, "got abc\r\n"), HasSubstr("abc\r\n"));
  client.send(FrameType::Resize, encode_resize({.rows = 50, .columns = 132}));
  // dash runs the trap once the read is over.
  client.send(FrameType::Stdin, "\n");
  read_until(client, "50 132\r\n");
  EXPECT_EQ(wait_for(client, RunState::Exited).exit->code, 4);
}

TEST_F(ShimTest, ControlCAtTheTerminalInterrupts) {
  spec_.command = {.argv = {"python3", "-c", "import time; print('ready', flush=True); time.sleep(1000)"},
                   .terminal = WindowSize{}};
  auto client = start(kOwner);
  read_until(client, "ready\r\n");
  client.send(FrameType::Stdin, "\x03");
  EXPECT_EQ(wait_for(client, RunState::Exited).exit, (Exit{.code = 130, .signal = SIGINT}));
}

TEST_F(ShimTest, TheEndOfInputAtATerminalIsAnEndOfFile) {
  spec_.command = {.argv = {"cat"}, .terminal = WindowSize{}};
  auto client = start(kOwner);
  client.send(FrameType::Stdin, "line\n");
  client.send(FrameType::StdinEnd);
  EXPECT_EQ(wait_for(client, RunState::Exited).exit->code, 0);
}

// The log.

TEST_F(ShimTest, TheLogHoldsBothStreamsLineByLine) {
  run_script("echo out 1; echo err 1 >&2; sleep 0.05; printf 'no end'");
  run_to_end();
  EXPECT_THAT(log_lines(), testing::UnorderedElementsAre("stdout: out 1", "stderr: err 1", "stdout: no end"));
  EXPECT_LT(log().front().time, log().back().time);
}

TEST_F(ShimTest, AFullLogRotates) {
  spec_.log = {.file_bytes = 8192, .files = 3};
  run_script("seq -f 'line number %g' 1 2000");
  run_to_end();
  const auto newest = log("output"), older = log("output.1"), oldest = log("output.2");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/log/output.3"));
  for (const char* name : {"output", "output.1", "output.2"}) {
    EXPECT_LE(std::filesystem::file_size(directory_ + "/log/" + name), 8192u) << name;
  }
  EXPECT_EQ(newest.back().text, "line number 2000");
  const auto number = [](const LogRecord& record) { return std::stoi(record.text.substr(12)); };
  EXPECT_EQ(number(newest.front()), number(older.back()) + 1);
  EXPECT_EQ(number(older.front()), number(oldest.back()) + 1);
}

// Limits.

TEST_F(ShimTest, TheMemoryLimitKillsAndSaysSo) {
  spec_.limits.memory_bytes = 64 << 20;
  spec_.command.argv = {"python3", "-c", "x = b'a' * (256 << 20); print(len(x))"};
  const Status status = run_to_end();
  EXPECT_EQ(status.exit, (Exit{.code = 137, .signal = SIGKILL}));
  EXPECT_EQ(status.out_of_memory, OutOfMemory::Yes);
  EXPECT_THAT(status.reason, HasSubstr("memory limit of 67108864 bytes"));
}

TEST_F(ShimTest, TheProcessLimitHolds) {
  spec_.limits.pids = 3;
  spec_.command.argv = {"python3", "-c",
                        "import os, sys, time\n"
                        "n = 0\n"
                        "try:\n"
                        "  while n < 50:\n"
                        "    if os.fork() == 0: time.sleep(1000)\n"
                        "    n += 1\n"
                        "except OSError as e: print(n, e.strerror)\n"};
  auto client = start(kOwner);
  EXPECT_EQ(read_all(client).out, "2 Resource temporarily unavailable\n");
}

TEST_F(ShimTest, TheProcessorLimitIsSet) {
  spec_.limits.cpu_millis = 250;
  run_script("exec sleep 1000");
  auto client = start();
  const Status status = wait_for(client, RunState::Running);
  const std::string group = "/sys/fs/cgroup/cpu" + spec_.cgroup + "/" + spec_.id;
  if (std::filesystem::exists(group)) {
    EXPECT_EQ(text_of(group + "/cpu.cfs_quota_us"), "25000\n");
    EXPECT_EQ(text_of(group + "/cgroup.procs"), std::to_string(status.pid) + "\n");
  } else {
    EXPECT_EQ(text_of("/sys/fs/cgroup" + spec_.cgroup + "/" + spec_.id + "/cpu.max"), "25000 100000\n");
  }
}

TEST_F(ShimTest, ALimitThatCannotBeSetIsAFailureWithItsReason) {
  spec_.cgroup_root = directory_ + "/no-cgroups";
  spec_.limits.memory_bytes = 64 << 20;
  run_script("echo must not run > " + directory_ + "/ran");
  auto client = start();
  EXPECT_THAT(wait_for(client, RunState::Failed).reason,
              HasSubstr("limit memory: no memory control groups are mounted"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/ran"));
}

TEST_F(ShimTest, ATreeWithoutTheControllerIsAFailureWithItsReason) {
  spec_.cgroup_root = "/sys/fs/cgroup/unified";
  if (!std::filesystem::exists(spec_.cgroup_root)) GTEST_SKIP() << "no mixed control groups here";
  spec_.limits.memory_bytes = 64 << 20;
  run_script("true");
  auto client = start();
  EXPECT_THAT(wait_for(client, RunState::Failed).reason, HasSubstr("doesn't offer the memory controller"));
}

TEST_F(ShimTest, WithoutALimitItsGroupStillHoldsItsProcesses) {
  run_script("exec sleep 1000");
  auto client = start();
  const Status status = wait_for(client, RunState::Running);
  const auto all = parents();
  if (all.empty()) GTEST_SKIP() << "no version 2 control groups here";
  EXPECT_EQ(text_of(all.front() / spec_.id / "cgroup.procs"), std::to_string(status.pid) + "\n");
}

// More commands inside.

TEST_F(ShimTest, ACommandInsideHasItsOwnStreamsAndStatus) {
  spec_.command = {.argv = {"sleep", "1000"}, .env = {"WHERE=inside"}, .user = "nobody", .workdir = "/var"};
  auto client = start();
  const Status status = wait_for(client, RunState::Running);
  const Output output = exec({.argv = {"sh", "-c", "echo $WHERE; id -un; pwd; echo oops >&2; exit 6"}});
  EXPECT_EQ(output.out, "inside\nnobody\n/var\n");
  EXPECT_EQ(output.err, "oops\n");
  EXPECT_EQ(output.exit, (Exit{.code = 6, .signal = 0}));
  EXPECT_EQ(exec({.argv = {"id", "-u"}, .user = "0"}).out, "0\n");
  EXPECT_THAT(exec({.argv = {"ps", "-e", "-o", "args="}}).out, HasSubstr("sleep 1000\n"));
  EXPECT_EQ(read_status(directory_)->pid, status.pid);
}

TEST_F(ShimTest, ACommandInsideMayHaveInputAndSignals) {
  run_script("exec sleep 1000");
  auto keeper = start();
  wait_for(keeper, RunState::Running);
  auto client = connect();
  ASSERT_TRUE(ask(client, FrameType::Exec, encode_command({.argv = {"cat"}, .input = Stdin::Pipe})).ok());
  client.send(FrameType::Stdin, "hello\n");
  EXPECT_EQ(read_until(client, "hello\n"), "hello\n");
  client.send(FrameType::Signal, encode_signal(SIGTERM));
  EXPECT_EQ(read_all(client).exit, (Exit{.code = 143, .signal = SIGTERM}));
}

TEST_F(ShimTest, ACommandInsideMayHaveATerminal) {
  run_script("exec sleep 1000");
  auto keeper = start();
  wait_for(keeper, RunState::Running);
  const Output output = exec({.argv = {"sh", "-c", "test -t 0 && stty size"}, .terminal = WindowSize{10, 20}});
  EXPECT_EQ(output.out, "10 20\r\n");
  EXPECT_EQ(output.exit->code, 0);
}

TEST_F(ShimTest, ACommandInsideThatIsNotThereIsRefused) {
  run_script("exec sleep 1000");
  auto keeper = start();
  wait_for(keeper, RunState::Running);
  auto client = connect();
  EXPECT_EQ(ask(client, FrameType::Exec, encode_command({.argv = {"no-such"}})).error().code, base::Code::NotFound);
  EXPECT_EQ(ask(client, FrameType::Exec, encode_command({.argv = {"/etc/passwd"}})).error().code, base::Code::Denied);
}

TEST_F(ShimTest, ItsLimitsHoldForCommandsInsideToo) {
  spec_.limits.pids = 2;
  run_script("exec sleep 1000");
  auto keeper = start();
  wait_for(keeper, RunState::Running);
  EXPECT_THAT(exec({.argv = {"sh", "-c", "(exit 0)"}}).err, HasSubstr("fork"));
}

TEST_F(ShimTest, TheEndOfTheWorkloadEndsCommandsInside) {
  run_script("exec sleep 1000");
  auto keeper = start();
  wait_for(keeper, RunState::Running);
  auto client = connect();
  ASSERT_TRUE(ask(client, FrameType::Exec, encode_command({.argv = {"sleep", "1000"}})).ok());
  keeper.send(FrameType::Stop);
  wait_for(keeper, RunState::Exited);
  EXPECT_EQ(read_all(client).exit, (Exit{.code = 137, .signal = SIGKILL}));
}

// Who lives and who dies.

TEST_F(ShimTest, ItSurvivesWhoStartedItAndIsFoundAgain) {
  run_script("exec sleep 1000");
  const pid_t starter = fork();
  if (starter == 0) {
    auto client = start_shim(WEFT_SHIM_PROGRAM, directory_, spec_, {{FrameType::Subscribe, ""}});
    kill(getpid(), SIGKILL);
  }
  int how = 0;
  waitpid(starter, &how, 0);
  ASSERT_TRUE(WIFSIGNALED(how));
  ASSERT_TRUE(eventually([&] {
    const auto status = read_status(directory_);
    return status.ok() && status->state == RunState::Running;
  }));
  auto client = connect();
  client.send(FrameType::Subscribe);
  const Status status = wait_for(client, RunState::Running);
  EXPECT_TRUE(is_alive(status.pid));
  EXPECT_TRUE(is_alive(status.shim));
}

TEST_F(ShimTest, KillingTheShimKillsTheWorkloadAndTheNextFindsNoTrace) {
  spec_.limits.pids = 10;
  run_script("trap '' TERM HUP; sleep 1000 & sleep 1000");
  auto client = start();
  const Status status = wait_for(client, RunState::Running);
  kill(static_cast<pid_t>(status.shim), SIGKILL);
  EXPECT_TRUE(eventually([&] { return !is_alive(status.pid) && !is_alive(status.shim); }));
  EXPECT_FALSE(groups_left().empty());
  EXPECT_EQ(ShimClient::connect(directory_).error().code, base::Code::NotFound);

  auto next = start();
  EXPECT_NE(wait_for(next, RunState::Running).shim, status.shim);
}

// Its first child could otherwise miss the death of a parent that is younger than its own birth.
TEST_F(ShimTest, KilledAtAnyMomentItLeavesNoProcess) {
  run_script("exec sleep 1000");
  for (useconds_t delay = 0; delay < 8000; delay += 200) {
    auto client = start();
    usleep(delay);
    const auto found = processes_with(directory_);
    if (!found.empty()) kill(*std::min_element(found.begin(), found.end()), SIGKILL);
    ASSERT_TRUE(eventually([&] { return processes_with(directory_).empty(); })) << "after " << delay << " us";
  }
  run_script("exit 0");
  run_to_end();  // takes the groups away
}

TEST_F(ShimTest, ADirectoryHasOneShim) {
  run_script("exec sleep 1000");
  auto client = start();
  const Status status = wait_for(client, RunState::Running);
  const auto second = start_shim(WEFT_SHIM_PROGRAM, directory_, spec_, {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, base::Code::Conflict);
  EXPECT_THAT(second.error().what, HasSubstr("another shim owns"));
  auto other = connect();
  other.send(FrameType::GetStatus);
  EXPECT_EQ(next_status(other).pid, status.pid);
}

TEST_F(ShimTest, WhoReadsTheFinalStatusMayStartTheNextAtOnce) {
  run_script("exit 0");
  for (int i = 0; i < 20; ++i) {
    auto client = start();
    wait_for(client, RunState::Exited);
  }
}

TEST_F(ShimTest, ClientsThatStallOrLieHoldNothingUp) {
  run_script("exec sleep 1000");
  auto client = start();
  wait_for(client, RunState::Running);
  auto half = connect();
  ASSERT_EQ(write(half.fd(), "\x05\0\0", 3), 3);
  auto liar = connect();
  ASSERT_EQ(write(liar.fd(), "GET / HTTP/1.1\r\n", 16), 16);
  auto honest = connect();
  honest.send(FrameType::GetStatus);
  EXPECT_EQ(next_status(honest).state, RunState::Running);
  EXPECT_EQ(liar.wait(kPatience)->type, FrameType::Refused);
  EXPECT_EQ(liar.wait(kPatience).error().code, base::Code::Unavailable);
}

TEST_F(ShimTest, WhoAsksAndNeverReadsIsLetGo) {
  run_script("exec sleep 1000");
  auto client = start();
  wait_for(client, RunState::Running);
  auto deaf = connect();
  uint64_t asked = 0;
  Result<> sent;
  for (; sent.ok() && asked < 1'000'000; sent = deaf.flush()) {
    if (!deaf.wants_write()) deaf.send(FrameType::GetStatus);
    ++asked;
  }
  ASSERT_FALSE(sent.ok());
  auto honest = connect();
  honest.send(FrameType::GetStatus);
  EXPECT_EQ(next_status(honest).state, RunState::Running);
}

TEST_F(ShimTest, ConnectionsAreLimitedAndTheNextIsTold) {
  run_script("exec sleep 1000");
  auto client = start();
  wait_for(client, RunState::Running);
  std::vector<ShimClient> crowd;
  std::optional<Error> refusal;
  for (int i = 0; i < 70 && !refusal; ++i) {
    crowd.push_back(connect());
    crowd.back().send(FrameType::GetStatus);
    const auto frame = crowd.back().wait(kPatience);
    ASSERT_TRUE(frame.ok());
    if (frame->type == FrameType::Refused) refusal = parse_refusal(frame->payload);
  }
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, base::Code::Limit);
  EXPECT_EQ(crowd.size(), 64u);
}

}  // namespace
}  // namespace weft::workload
