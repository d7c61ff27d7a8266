#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "shim/sandbox.h"
#include "shim/signals.h"

namespace weft::shim {

using base::errno_error;
using os::Fd;
using workload::Spec;

namespace {

// A program inside that asked these would be answered from outside its VPC.
constexpr const char* kResolverSockets[] = {"/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket",
                                            "/run/avahi-daemon/socket"};

Result<> bind_over(const char* source, const char* target) {
  char place[PATH_MAX];
  // Over what a symbolic link leads to: the link itself can't be mounted on.
  if (realpath(target, place) == nullptr) return errno_error(fmt::format("mount {} over {}", source, target), errno);
  if (mount(source, place, nullptr, MS_BIND, nullptr) != 0) {
    return errno_error(fmt::format("mount {} over {}", source, place), errno);
  }
  return {};
}

Result<> enter_network(const Fd& netns) {
  if (netns.valid() && setns(netns.get(), CLONE_NEWNET) != 0) return errno_error("enter the network namespace", errno);
  return {};
}

Result<> mount_own_files(const Spec& spec) {
  // The machine's later mounts still appear inside; ours never outside.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return errno_error("separate the mounts", errno);
  // Each would be a mount of each workload: a thousand workloads, a million mounts.
  (void)umount2("/run/netns", MNT_DETACH);
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return errno_error("mount /proc", errno);
  }
  if (spec.resolv_conf) TRY_VOID(bind_over("resolv.conf", "/etc/resolv.conf"));
  if (spec.hosts) TRY_VOID(bind_over("hosts", "/etc/hosts"));
  for (const char* socket : kResolverSockets) {
    if (access(socket, F_OK) == 0) TRY_VOID(bind_over("/dev/null", socket));
  }
  return {};
}

Result<> prepare(const Spec& spec, const Fd& netns) {
  TRY_VOID(enter_network(netns));
  return mount_own_files(spec);
}

// The first process of the pid namespace. The kernel reaps for it what it
// ignores, so it needs no loop of its own.
[[noreturn]] void run_first(const Spec& spec, const Fd& netns, Report& report) {
  report.let_go();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "weft-init");
  const auto prepared = prepare(spec, netns);
  if (!prepared.ok()) report.fail(prepared.error());
  report.ready();
  if (chdir("/") != 0) _exit(1);
  close_range(3, ~0U, 0);
  reset_signals();
  signal(SIGCHLD, SIG_IGN);
  while (true) pause();
}

void reap(pid_t pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<Sandbox> Sandbox::open(const Spec& spec) {
  Sandbox sandbox;
  sandbox.own_pids_ = Fd(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
  if (!sandbox.own_pids_.valid()) return errno_error("open /proc/self/ns/pid", errno);
  Fd netns;
  if (!spec.netns.empty()) {
    netns = Fd(::open(spec.netns.c_str(), O_RDONLY | O_CLOEXEC));
    if (!netns.valid()) return errno_error("open the network namespace " + spec.netns, errno);
  }
  auto report = TRY(Report::open());
  sandbox.first_ = TRY(clone_process({.namespaces = CLONE_NEWPID | CLONE_NEWNS}));
  if (sandbox.first_.pid == 0) run_first(spec, netns, report);
  const auto said = report.read();
  if (said.ok() && *said == Report::Said::Ready) return sandbox;
  sandbox.kill();
  reap(sandbox.first_.pid);
  if (!said.ok()) return said.error();
  return error(base::Code::Failed, "the first process of the pid namespace died");
}

void Sandbox::kill() const { syscall(SYS_pidfd_send_signal, first_.pidfd.get(), SIGKILL, nullptr, 0); }

Result<Child> Sandbox::clone_inside(int cgroup) const {
  if (setns(first_.pidfd.get(), CLONE_NEWPID) != 0) return errno_error("enter the pid namespace", errno);
  auto child = clone_process({.cgroup = cgroup});
  const bool is_child = child.ok() && child->pid == 0;
  if (!is_child && setns(own_pids_.get(), CLONE_NEWPID) != 0) return errno_error("leave the pid namespace", errno);
  return child;
}

Result<> Sandbox::enter() const {
  if (setns(first_.pidfd.get(), CLONE_NEWNET | CLONE_NEWNS) != 0) return errno_error("enter the namespaces", errno);
  return {};
}

}  // namespace weft::shim
