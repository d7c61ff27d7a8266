// Stdio: the three standard streams of a command, or the terminal that takes
// the place of all three; our end of each, and theirs.
#pragma once

#include "base/result.h"
#include "os/fd.h"
#include "workload/command.h"

namespace weft::shim {

// What the shim holds: non-blocking. With a terminal, `out` is its master side
// and takes the input too.
struct OurStdio {
  os::Fd in;  // invalid: the command reads /dev/null, or a terminal
  os::Fd out;
  os::Fd err;  // invalid at a terminal
  // The terminal's other side, kept open so that reading never fails while the command may open it again.
  os::Fd terminal;
};

struct TheirStdio {
  os::Fd in;
  os::Fd out;
  os::Fd err;
};

struct Stdio {
  OurStdio ours;
  TheirStdio theirs;
};

// `owner` is the user whose terminal it is.
Result<Stdio> open_stdio(const workload::Command& command, uid_t owner);

void resize(const OurStdio& stdio, workload::WindowSize size);

}  // namespace weft::shim
