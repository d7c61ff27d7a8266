#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "os/clock.h"
#include "os/file.h"
#include "os/isolated.h"
#include "os/netns.h"
#include "os/process.h"

namespace weft::os {
namespace {

using base::Code;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Process : public Isolated {};

// The deadline of all waiting here; an idle machine needs milliseconds.
constexpr base::Duration kPatience = seconds(20);

bool wait_for_end(const Fd& process) {
  pollfd waiting{.fd = process.get(), .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 20'000) == 1;
}

TEST_F(Process, RunsAndReports) {
  const auto ran = run_program({.argv = {"sh", "-c", "cat; echo wrong >&2; exit 3"}}, {.input = "given"});
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->status, 3);
  EXPECT_EQ(ran->output, "given");
  EXPECT_EQ(ran->errors, "wrong\n");
  EXPECT_FALSE(ran->cut);
}

TEST_F(Process, ReportsASignal) {
  EXPECT_EQ(run_program({.argv = {"sh", "-c", "kill -TERM $$"}})->status, 128 + SIGTERM);
}

TEST_F(Process, LargeInputAndOutputDoNotBlockEachOther) {
  const std::string text(3 << 20, 'x');
  const auto ran = run_program({.argv = {"cat"}}, {.input = text, .output_limit = 4 << 20});
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->output, text);
}

TEST_F(Process, OutputIsBounded) {
  const auto ran = run_program({.argv = {"head", "-c", "1000000", "/dev/zero"}}, {.output_limit = 1000});
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->status, 0);
  EXPECT_EQ(ran->output.size(), 1000U);
  EXPECT_TRUE(ran->cut);
}

TEST_F(Process, DeadlineKillsTheWholeGroup) {
  const auto before = now_boot();
  const auto ran = run_program({.argv = {"sh", "-c", "echo $$ > /run/leader; sleep 1000 & sleep 1000"}},
                               {.deadline = milliseconds(300)});
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().code, Code::TimedOut);
  EXPECT_LT(now_boot() - before, kPatience);
  const pid_t leader = std::stoi(*read_file("/run/leader", 32));
  const auto deadline = now_boot() + kPatience;
  while (kill(-leader, 0) == 0 && now_boot() < deadline) poll(nullptr, 0, 1);
  EXPECT_EQ(kill(-leader, 0), -1);
}

TEST_F(Process, GrandchildWithTheStreamsDoesNotHoldUsUp) {
  const auto ran = run_program({.argv = {"sh", "-c", "sleep 1000 & echo $!"}});
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(kill(std::stoi(ran->output), SIGKILL), 0);
}

TEST_F(Process, MissingProgramIsNamed) {
  EXPECT_EQ(run_program({.argv = {"no-such-program"}}).error().code, Code::NotFound);
  EXPECT_NE(run_program({.argv = {"/no/such"}}).error().what.find("/no/such"), std::string::npos);
}

TEST_F(Process, EntersTheNamespaceAndComesBack) {
  const auto netns = create_netns("inside");
  ASSERT_TRUE(netns.ok());
  struct stat inside {};
  struct stat home {};
  ASSERT_EQ(fstat(netns->get(), &inside), 0);
  const auto seen = run_program({.argv = {"stat", "-L", "-c", "%i", "/proc/self/ns/net"}, .netns = &*netns});
  ASSERT_EQ(stat("/proc/thread-self/ns/net", &home), 0);
  EXPECT_EQ(seen->output, std::to_string(inside.st_ino) + "\n");
  EXPECT_NE(home.st_ino, inside.st_ino);
  EXPECT_TRUE(remove_netns("inside").ok());
}

TEST_F(Process, EnvironmentIsTheGivenOne) {
  EXPECT_EQ(run_program({.argv = {"/usr/bin/env"}, .environment = {{"A=1"}}})->output, "A=1\n");
}

TEST_F(Process, NothingOfOursStaysOpen) {
  const Fd leaked(open("/dev/null", O_RDWR));  // no O_CLOEXEC, as a careless library has it
  EXPECT_EQ(run_program({.argv = {"sh", "-c", "ls /proc/$$/fd"}})->output, "0\n1\n2\n");
}

TEST_F(Process, DetachedOutlivesUsAndIsRecognised) {
  const Fd log(open("/run/log", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const auto pid = spawn_detached({.argv = {"sh", "-c", "echo up; exec sleep 1000"}}, &log);
  ASSERT_TRUE(pid.ok());
  const auto key = find_process(*pid);
  ASSERT_TRUE(key.ok() && key->has_value());
  const auto process = open_process(**key);
  ASSERT_TRUE(process.ok() && process->has_value());
  EXPECT_FALSE(has_ended(**process));
  EXPECT_EQ(getsid(*pid), *pid);
  const auto deadline = now_boot() + kPatience;
  while (*read_file("/run/log", 100) != "up\n" && now_boot() < deadline) poll(nullptr, 0, 1);
  EXPECT_EQ(*read_file("/run/log", 100), "up\n");

  const ProcessKey reused{.pid = *pid, .start = (*key)->start + 1};
  EXPECT_FALSE(open_process(reused)->has_value());

  EXPECT_TRUE(send_signal(**process, SIGKILL).ok());
  EXPECT_TRUE(wait_for_end(**process));
  EXPECT_TRUE(has_ended(**process));
  EXPECT_TRUE(send_signal(**process, SIGKILL).ok());
}

TEST_F(Process, DetachedFailureIsReported) {
  EXPECT_FALSE(spawn_detached({.argv = {"/no/such"}}).ok());
  EXPECT_FALSE(find_process(1 << 30)->has_value());
}

}  // namespace
}  // namespace weft::os
