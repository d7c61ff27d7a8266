#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "shim/stdio.h"

namespace weft::shim {

using base::errno_error;
using os::Fd;

namespace {

constexpr gid_t kTtyGroup = 5;  // Debian's and everybody's, by which write(1) reaches a terminal

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("open a pipe", errno);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// Only our end: the file description of theirs is a different one.
Result<Fd> non_blocking(Fd fd) {
  if (fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error("make a pipe non-blocking", errno);
  return fd;
}

Result<Fd> duplicate(const Fd& fd) {
  Fd copy(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return errno_error("duplicate a descriptor", errno);
  return copy;
}

Result<Stdio> open_terminal(workload::WindowSize size, uid_t owner) {
  Fd master(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!master.valid()) return errno_error("open /dev/ptmx", errno);
  int unlocked = 0;
  if (ioctl(master.get(), TIOCSPTLCK, &unlocked) != 0) return errno_error("unlock a terminal", errno);
  Fd slave(ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave.valid()) return errno_error("open a terminal", errno);
  if (fchown(slave.get(), owner, kTtyGroup) != 0 || fchmod(slave.get(), 0620) != 0) {
    return errno_error("hand a terminal over", errno);
  }
  Stdio stdio;
  stdio.theirs.in = TRY(duplicate(slave));
  stdio.theirs.out = TRY(duplicate(slave));
  stdio.theirs.err = TRY(duplicate(slave));
  stdio.ours.out = std::move(master);
  stdio.ours.terminal = std::move(slave);
  resize(stdio.ours, size);
  return stdio;
}

}  // namespace

Result<Stdio> open_stdio(const workload::Command& command, uid_t owner) {
  if (command.terminal) return open_terminal(*command.terminal, owner);
  Stdio stdio;
  if (command.input == workload::Stdin::Pipe) {
    auto in = TRY(open_pipe());
    stdio.ours.in = TRY(non_blocking(std::move(in.write)));
    stdio.theirs.in = std::move(in.read);
  } else {
    stdio.theirs.in = Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!stdio.theirs.in.valid()) return errno_error("open /dev/null", errno);
  }
  auto out = TRY(open_pipe());
  auto err = TRY(open_pipe());
  stdio.ours.out = TRY(non_blocking(std::move(out.read)));
  stdio.ours.err = TRY(non_blocking(std::move(err.read)));
  stdio.theirs.out = std::move(out.write);
  stdio.theirs.err = std::move(err.write);
  // The command may open /dev/stdout again, as whoever it runs as.
  if (fchown(stdio.theirs.out.get(), owner, static_cast<gid_t>(-1)) != 0 ||
      fchown(stdio.theirs.err.get(), owner, static_cast<gid_t>(-1)) != 0) {
    return errno_error("hand a pipe over", errno);
  }
  return stdio;
}

void resize(const OurStdio& stdio, workload::WindowSize size) {
  if (!stdio.terminal.valid()) return;
  winsize window{};
  window.ws_row = size.rows;
  window.ws_col = size.columns;
  ioctl(stdio.out.get(), TIOCSWINSZ, &window);
}

}  // namespace weft::shim
