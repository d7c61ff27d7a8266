#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>

#include <cerrno>

#include "base/text.h"
#include "os/file.h"
#include "os/process.h"

namespace weft::os {

using base::Code;
using base::errno_error;

namespace {

constexpr size_t kLongestStat = 4096;  // the name inside has at most 64 bytes, the rest is numbers

// Raw: glibc 2.36 has the wrappers, its headers only in C.
Fd pidfd(pid_t pid) { return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

}  // namespace

Result<uint64_t> parse_start_ticks(std::string_view stat) {
  // The second field is the program's name in parentheses, and may hold anything.
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos) return error(Code::Failed, "not a process status");
  const auto fields = base::split(base::trim(stat.substr(name_end + 2)), ' ');
  constexpr size_t kStart = 22 - 3;  // fields[0] is the third of proc(5)
  if (fields.size() <= kStart) return error(Code::Failed, "not a process status");
  return base::parse_number(fields[kStart], 0, UINT64_MAX);
}

Result<std::optional<ProcessKey>> find_process(pid_t pid) {
  const auto stat = find_file(fmt::format("/proc/{}/stat", pid), kLongestStat);
  if (!stat.ok()) return std::optional<ProcessKey>();  // ESRCH: it ended between open and read
  if (!*stat) return std::optional<ProcessKey>();
  return std::optional(ProcessKey{.pid = pid, .start = TRY(parse_start_ticks(**stat))});
}

Result<std::optional<Fd>> open_process(const ProcessKey& key) {
  Fd process = pidfd(key.pid);
  if (!process.valid() && errno == ESRCH) return std::optional<Fd>();
  if (!process.valid()) return errno_error(fmt::format("open process {}", key.pid), errno);
  // Only now: from here on the number cannot pass to another unnoticed.
  if (TRY(find_process(key.pid)) != key) return std::optional<Fd>();
  return std::optional<Fd>(std::move(process));
}

bool has_ended(const Fd& process) {
  pollfd waiting{.fd = process.get(), .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 0) > 0;
}

Result<> send_signal(const Fd& process, int number) {
  if (syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) != 0 && errno != ESRCH) {
    return errno_error("signal the process", errno);
  }
  return {};
}

}  // namespace weft::os
