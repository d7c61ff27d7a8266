// The exit statuses of `weft`: a contract with scripts.
#pragma once

#include "base/result.h"

namespace weft::cli {

inline constexpr int kDone = 0;
inline constexpr int kUsage = 2;
inline constexpr int kChanges = 9;          // plan: something would change
inline constexpr int kDenied = 10;          // trace: the verdict is DENY
inline constexpr int kNotAsWanted = 11;     // status, doctor: something is not as it should be
inline constexpr int kOwnFailure = 125;     // run, exec: weft's own failure, not the command's
inline constexpr int kNotExecutable = 126;  // run, exec: the command can't be executed
inline constexpr int kNoSuchCommand = 127;  // run, exec: it isn't there
inline constexpr int kSignalBase = 128;     // run, exec: killed by signal n: 128 + n

// 1 to 8, one for each code.
int exit_status_of(base::Code code);

}  // namespace weft::cli
