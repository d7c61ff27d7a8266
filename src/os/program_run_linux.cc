#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"
#include "base/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/program_launch.h"

namespace weft::os {

using base::Code;
using base::errno_error;

namespace {

// A file and not a pipe: the program reads at its own pace and we never block on it.
Result<Fd> input_of(const std::string& text) {
  Fd file(memfd_create("input", MFD_CLOEXEC));
  if (!file.valid()) return errno_error("make the input", errno);
  TRY_VOID(write_all(file.get(), text));
  if (lseek(file.get(), 0, SEEK_SET) != 0) return errno_error("make the input", errno);
  return file;
}

class Capture {
 public:
  Capture(Fd source, size_t limit) : source_(std::move(source)), limit_(limit) {}
  // -1, which poll() skips, once the stream has ended.
  int fd() const { return source_.get(); }
  bool cut() const { return cut_; }
  std::string take() { return std::move(text_); }

  // Takes what is there now.
  void drain() {
    std::array<char, 16384> chunk;
    while (source_.valid()) {
      const ssize_t got = read(source_.get(), chunk.data(), chunk.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return source_.reset();
      keep({chunk.data(), static_cast<size_t>(got)});
    }
  }

 private:
  void keep(std::string_view more) {
    const size_t room = limit_ - text_.size();
    cut_ = cut_ || more.size() > room;
    text_ += more.substr(0, room);
  }
  Fd source_;
  size_t limit_;
  std::string text_;
  bool cut_ = false;
};

// Our child until it is reaped; killed with its group if we leave before.
class Child {
 public:
  static Result<Child> adopt(pid_t pid) {
    Child child;
    child.pid_ = pid;
    child.pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!child.pidfd_.valid()) return errno_error("watch the program", errno);
    return child;
  }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)), pidfd_(std::move(other.pidfd_)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ == 0) return;
    kill(-pid_, SIGKILL);
    static_cast<void>(reap());
  }
  int pidfd() const { return pidfd_.get(); }

  // Blocks until it has ended.
  Result<int> reap() {
    int status = 0;
    pid_t ended = 0;
    do ended = waitpid(pid_, &status, 0);
    while (ended < 0 && errno == EINTR);
    const pid_t pid = std::exchange(pid_, 0);
    if (ended != pid) return errno_error(fmt::format("wait for process {}", pid), errno);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  Child() = default;
  pid_t pid_ = 0;
  Fd pidfd_;
};

enum class Waited { Ended, Overdue };

Result<Waited> wait_for(const Child& child, Capture& output, Capture& errors, base::BootTime deadline) {
  while (true) {
    std::array<pollfd, 3> waiting{{{output.fd(), POLLIN, 0}, {errors.fd(), POLLIN, 0}, {child.pidfd(), POLLIN, 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now_boot()).count();
    if (left <= 0) return Waited::Overdue;
    const int ready = poll(waiting.data(), waiting.size(), static_cast<int>(std::min<int64_t>(left, INT32_MAX)));
    if (ready < 0 && errno != EINTR) return errno_error("wait for the program", errno);
    output.drain();
    errors.drain();
    if (ready > 0 && waiting[2].revents != 0) return Waited::Ended;
  }
}

}  // namespace

Result<Outcome> run_program(const Program& program, const RunOptions& options) {
  CHECK(!program.argv.empty());
  const std::string path = TRY(find_program(program.argv[0]));
  const Fd input = TRY(input_of(options.input));
  Pipe output = TRY(make_pipe());
  Pipe errors = TRY(make_pipe());
  const Launch launch(program, path, {input.get(), output.write.get(), errors.write.get()}, POSIX_SPAWN_SETPGROUP);
  const pid_t started = TRY(start_in(program.netns, [&] {
    pid_t pid = 0;
    const int fault = launch.spawn(pid);
    return started_or(fault, path, pid);
  }));
  auto child = TRY(Child::adopt(started));
  output.write.reset();
  errors.write.reset();

  Capture out(std::move(output.read), options.output_limit);
  Capture err(std::move(errors.read), options.output_limit);
  const auto waited = TRY(wait_for(child, out, err, now_boot() + options.deadline));
  if (waited == Waited::Overdue) {
    return error(Code::TimedOut, "{} did not end within {}", path, base::format_duration(options.deadline));
  }
  const int status = TRY(child.reap());
  out.drain();
  err.drain();
  return Outcome{.status = status, .output = out.take(), .errors = err.take(), .cut = out.cut() || err.cut()};
}

}  // namespace weft::os
