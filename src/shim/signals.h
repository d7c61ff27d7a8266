#pragma once

#include "base/result.h"
#include "os/fd.h"

namespace weft::shim {

// Every disposition the default, nothing blocked: as a command expects it.
void reset_signals();

// The signals that the shim acts on (a child's end, requests to end) come by
// this descriptor from now on; hang-ups and broken pipes are ignored.
Result<os::Fd> open_signals();

// The next that has come; 0: none.
int read_signal(const os::Fd& signals);

}  // namespace weft::shim
