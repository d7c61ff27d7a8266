// Programs: run one and wait, or start one that outlives us; and recognise a
// process again later although its number may have been given to another.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "os/fd.h"

namespace weft::os {

struct Program {
  std::vector<std::string> argv;  // argv[0] without a slash is looked for as find_program does
  std::optional<std::vector<std::string>> environment = {};  // "KEY=value"; ours if not given
  const Fd* netns = nullptr;                                 // to start in; ours if not given
};

// The path of an executable: in PATH, then in the usual places, since a
// service's PATH may lack sbin.
Result<std::string> find_program(const std::string& name);

struct RunOptions {
  std::string input = {};  // the program's standard input
  base::Duration deadline = std::chrono::seconds(30);
  size_t output_limit = 1 << 20;  // of each stream; what comes after is dropped
};
struct Outcome {
  int status = 0;  // exit status, or 128 + the number of the signal that ended it
  std::string output = {};
  std::string errors = {};
  bool cut = false;  // one of the streams was longer than the limit
};
// Blocks until the program has ended. Past the deadline its process group is
// killed and the error is Code::TimedOut. The caller must not reap unknown children meanwhile.
Result<Outcome> run_program(const Program& program, const RunOptions& options = {});

// Starts a program that is nobody's child and in a session of its own, with
// nothing open but /dev/null and, for both outputs, `output` if given.
Result<pid_t> spawn_detached(const Program& program, const Fd* output = nullptr);

// Names one process for ever: the number, and when the process that had it
// then was started (clock ticks since boot, field 22 of /proc/PID/stat).
struct ProcessKey {
  pid_t pid = 0;
  uint64_t start = 0;
  auto operator<=>(const ProcessKey&) const = default;
};
// Nothing if there is no such process.
Result<std::optional<ProcessKey>> find_process(pid_t pid);
// A pidfd, readable once the process has ended; nothing if that process is gone.
Result<std::optional<Fd>> open_process(const ProcessKey& key);
// Whether it has ended, a zombie included.
bool has_ended(const Fd& process);
// A process that has ended counts as signalled.
Result<> send_signal(const Fd& process, int number);

// Start ticks out of the text of /proc/PID/stat.
Result<uint64_t> parse_start_ticks(std::string_view stat);

}  // namespace weft::os
