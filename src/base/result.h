// Errors are values. A function that can fail returns Result<T>; its caller
// either handles the Error or passes it on with TRY, adding its own view once.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace weft::base {

// What kind of failure it is. The command line turns each into its exit code
// (cli: 1..8), the HTTP front into a status; nothing else depends on it.
enum class Code {
  Failed,       // 1: the world refused (a system call, a program)
  Usage,        // 2: the request itself is malformed
  NotFound,     // 3: no such object
  Conflict,     // 4: it exists, or something else holds it
  Denied,       // 5: the caller may not do this
  Unavailable,  // 6: not now (read-only, unreachable, no quorum)
  Limit,        // 7: a published limit is reached
  TimedOut,     // 8: not finished within the time allowed
};

std::string_view name_of(Code code);

struct [[nodiscard]] Error {
  Code code = Code::Failed;
  std::string what;
  std::string field = {};   // the request's field that is to blame, if one is
  std::string holder = {};  // who holds what was asked for, if somebody does

  // Adds the caller's view in front: "add route 10.0.0.0/24: no such device".
  Error within(std::string_view context) && {
    what = std::string(context) + ": " + what;
    return std::move(*this);
  }
  // Names the field, and prefixes an outer one: "rules" + "peer" = "rules.peer".
  Error in_field(std::string_view name) && {
    field = field.empty() ? std::string(name) : std::string(name) + "." + field;
    return std::move(*this);
  }
  bool operator==(const Error&) const = default;
};

template <class... Args>
Error error(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return Error{.code = code, .what = fmt::format(format, std::forward<Args>(args)...)};
}

// The text of errno, in front of which stands what was being done.
Error errno_error(std::string_view doing, int saved_errno);

template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(Error error) : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}
  bool ok() const { return this->has_value(); }
  // Same value, or the same error with the caller's view in front.
  Result within(std::string_view context) && {
    if (ok()) return std::move(*this);
    return std::move(this->error()).within(context);
  }
  Result in_field(std::string_view name) && {
    if (ok()) return std::move(*this);
    return std::move(this->error()).in_field(name);
  }
};

}  // namespace weft::base

namespace weft {
using base::Error;
using base::Result;
}  // namespace weft

// TRY(expr): the value of expr, or return its Error from this function.
#define TRY(expr)                                                 \
  __extension__({                                                 \
    auto&& try_result_ = (expr);                                  \
    if (!try_result_.ok()) return std::move(try_result_).error(); \
    *std::move(try_result_);                                      \
  })

// The same where the expression yields nothing.
#define TRY_VOID(expr)                                            \
  do {                                                            \
    auto&& try_result_ = (expr);                                  \
    if (!try_result_.ok()) return std::move(try_result_).error(); \
  } while (false)
