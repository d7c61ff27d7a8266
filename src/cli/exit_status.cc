#include "cli/exit_status.h"

#include "base/check.h"

namespace weft::cli {

using base::Code;

int exit_status_of(Code code) {
  switch (code) {
    case Code::Failed: return 1;
    case Code::Usage: return kUsage;
    case Code::NotFound: return 3;
    case Code::Conflict: return 4;
    case Code::Denied: return 5;
    case Code::Unavailable: return 6;
    case Code::Limit: return 7;
    case Code::TimedOut: return 8;
  }
  CHECK(false);
}

}  // namespace weft::cli
