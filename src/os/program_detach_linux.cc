#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>

#include "base/check.h"
#include "os/program_launch.h"

namespace weft::os {

using base::Code;
using base::errno_error;

namespace {

struct Report {
  int fault;
  pid_t pid;
};

// Starts the process in the middle, whose child loses its parent as soon as it
// is started. It borrows our memory while we wait, since a fork would copy the
// page tables (3 ms for 60 MB); no signal handler may run in it meanwhile.
[[gnu::noinline]] pid_t start_middle(const Launch& launch, const Fd& report_to) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t middle = vfork();
  if (middle == 0) {
    Report report{};
    report.fault = launch.spawn(report.pid);
    const bool told = write(report_to.get(), &report, sizeof report) == sizeof report;
    _exit(told ? 0 : 1);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return middle;
}

Result<Fd> open_null() {
  Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return errno_error("open /dev/null", errno);
  return null;
}

}  // namespace

Result<pid_t> spawn_detached(const Program& program, const Fd* output) {
  CHECK(!program.argv.empty());
  const std::string path = TRY(find_program(program.argv[0]));
  const Fd null = TRY(open_null());
  const int sink = output != nullptr ? output->get() : null.get();
  const Launch launch(program, path, {null.get(), sink, sink}, POSIX_SPAWN_SETSID);
  const Pipe pipe = TRY(make_pipe());
  const pid_t middle = TRY(start_in(program.netns, [&]() -> Result<pid_t> {
    const pid_t started = start_middle(launch, pipe.write);
    if (started < 0) return errno_error("run " + path, errno);
    return started;
  }));
  int status = 0;
  while (waitpid(middle, &status, 0) < 0 && errno == EINTR) {
  }
  Report report{};
  if (read(pipe.read.get(), &report, sizeof report) != sizeof report) {
    return error(Code::Failed, "run {}: the starting process died", path);
  }
  return started_or(report.fault, path, report.pid);
}

}  // namespace weft::os
