// One value of a flag or an argument: checked as far as that needs no state,
// before anything is sent. The error names the value; the caller adds whose.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"
#include "cli/commands.h"

namespace weft::cli {

inline constexpr size_t kMostValueBytes = 4096;       // longer than any name, address or note may be
inline constexpr size_t kMostWordBytes = 128 * 1024;  // Linux' own limit for one word of a command
inline constexpr size_t kMostValues = 4096;

struct Shape {
  Kind kind = Kind::Text;
  std::string_view choices = {};
  Letters letters = Letters::Printable;
};

Result<> check_value(const Shape& shape, std::string_view text);

// As the request carries it. The text has been checked.
nlohmann::ordered_json json_of(Kind kind, std::string_view text);

// The values of a Choice or an environment's list.
std::vector<std::string_view> alternatives(std::string_view choices);  // "a|b"

}  // namespace weft::cli
