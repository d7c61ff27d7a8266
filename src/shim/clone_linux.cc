#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "shim/clone.h"
#include "workload/shim_protocol.h"

namespace weft::shim {

using base::errno_error;

namespace {

constexpr std::string_view kReady = "ready";

}  // namespace

Result<Child> clone_process(CloneOptions options) {
  int pidfd = -1;
  clone_args args{};
  args.flags = options.namespaces | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (options.cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(options.cgroup);
  }
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return errno_error("start a process", errno);
  return Child{static_cast<pid_t>(pid), os::Fd(pid == 0 ? -1 : pidfd)};
}

Result<Report> Report::open() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("open a pipe", errno);
  Report report;
  report.ours_ = os::Fd(ends[0]);
  report.theirs_ = os::Fd(ends[1]);
  return report;
}

void Report::fail(const Error& error) const {
  const std::string text = workload::encode_refusal(error);
  (void)!write(theirs_.get(), text.data(), text.size());
  _exit(127);
}

void Report::ready() const {
  // A parent that died meanwhile reads nothing any more; then there is nothing to be ready for.
  if (write(theirs_.get(), kReady.data(), kReady.size()) != static_cast<ssize_t>(kReady.size())) _exit(1);
}

Result<Report::Said> Report::read() {
  theirs_.reset();
  std::array<char, 4096> text;
  ssize_t got = 0;
  do {
    got = ::read(ours_.get(), text.data(), text.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno_error("read a child's report", errno);
  const std::string_view said(text.data(), static_cast<size_t>(got));
  if (said.empty()) return Said::Nothing;
  if (said == kReady) return Said::Ready;
  return workload::parse_refusal(said);
}

}  // namespace weft::shim
