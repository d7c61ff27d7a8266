#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "shim/signals.h"

namespace weft::shim {

using base::errno_error;

namespace {

constexpr int kMostSignal = 64;

}  // namespace

void reset_signals() {
  // By the kernel's call: the C library keeps two signals to itself, which posix_spawn leaves ignored.
  const std::array<long, 8> defaults{};
  for (int number = 1; number <= kMostSignal; ++number) {
    syscall(SYS_rt_sigaction, number, defaults.data(), nullptr, kMostSignal / 8);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

Result<os::Fd> open_signals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  sigset_t ours;
  sigemptyset(&ours);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&ours, number);
  if (sigprocmask(SIG_SETMASK, &ours, nullptr) != 0) return errno_error("block signals", errno);
  os::Fd signals(signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return errno_error("signalfd", errno);
  return signals;
}

int read_signal(const os::Fd& signals) {
  signalfd_siginfo info{};
  if (read(signals.get(), &info, sizeof info) != sizeof info) return 0;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace weft::shim
