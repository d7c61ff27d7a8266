// Status: what a weft-shim says of its workload, in DIR/status (always whole:
// replaced, never rewritten) and to those who subscribe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace weft::workload {

enum class RunState {
  Created,   // the shim is there, the command not yet
  Running,   // the command runs
  Backoff,   // it ended and will be started again at retry_at
  Stopping,  // it was asked to end
  Exited,    // it ended, for good
  Failed,    // it could not be set up: reason says why; nothing was run
};

std::string_view name_of(RunState state);
// What a workload in this state does or has done: "the workload ..."
std::string_view phrase_of(RunState state);

// How a command ended: its code, or 128 + signal; 126 and 127 if it could not
// be executed or found.
struct Exit {
  int code = 0;
  int signal = 0;  // 0: it ended by itself
  bool operator==(const Exit&) const = default;
};

enum class OutOfMemory { No, Yes };

// Whether it may be started again by itself. Never: its owner has told it to end.
enum class Again { ByPolicy, Never };

struct Status {
  RunState state = RunState::Created;
  int64_t shim = 0;                             // pid of the shim
  int64_t pid = 0;                              // of the command, as the machine sees it; 0: none
  base::WallTime started = {};                  // the latest start
  base::WallTime ended = {};                    // the latest end
  base::WallTime retry_at = {};                 // in backoff
  std::optional<Exit> exit = {};                // of the latest end
  OutOfMemory out_of_memory = OutOfMemory::No;  // the memory limit killed a process of the latest run
  Again again = Again::ByPolicy;
  int64_t restarts = 0;
  int64_t log_records_lost = 0;  // because the log could not be written
  std::string reason = {};       // for people: why it isn't running
  bool operator==(const Status&) const = default;
};

std::string encode(const Status& status);
// Keys of later versions are passed over.
Result<Status> parse_status(std::string_view text);

}  // namespace weft::workload
