#include "base/result.h"

#include <cstring>

#include "base/check.h"

namespace weft::base {

std::string_view name_of(Code code) {
  switch (code) {
    case Code::Failed: return "failed";
    case Code::Usage: return "usage";
    case Code::NotFound: return "not_found";
    case Code::Conflict: return "conflict";
    case Code::Denied: return "denied";
    case Code::Unavailable: return "unavailable";
    case Code::Limit: return "limit";
    case Code::TimedOut: return "timed_out";
  }
  check_failed(__FILE__, __LINE__, "a code with a name");
}

Error errno_error(std::string_view doing, int saved_errno) {
  char text[128];
  const char* reason = strerror_r(saved_errno, text, sizeof text);
  return Error{.code = Code::Failed, .what = fmt::format("{}: {}", doing, reason)};
}

}  // namespace weft::base
