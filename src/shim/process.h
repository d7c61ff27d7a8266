// Process: a command that was started inside a sandbox, and our ends of its
// streams. Also the one primitive by which the shim makes children.
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "shim/cgroup.h"
#include "shim/sandbox.h"
#include "shim/stdio.h"
#include "workload/command.h"

namespace weft::shim {

struct Process {
  pid_t pid = 0;
  OurStdio stdio;
};

// Starts the command in the sandbox and the group, with a session of its own,
// as its user, with the default signals, umask 022 and no other descriptor.
// Returns when it has been executed. NotFound: there is no such command; Denied:
// it is there and can't be executed; any other error: it could not be set up.
Result<Process> launch(const workload::Command& command, const Sandbox& sandbox, const Cgroup& cgroup);

}  // namespace weft::shim
