// Which socket weftd listens on: --socket, else what contexts.json says of
// --context, else the usual place.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/parse.h"

namespace weft::cli {

inline constexpr const char* kUsualSocket = "/run/weft/weft.sock";
inline constexpr size_t kMostContextsBytes = 256 * 1024;

Result<std::string> socket_of(const Given& given, const Variables& variables);

// From the file's text: {"NAME": "/path/of/the.sock", ...}
Result<std::string> find_context(std::string_view text, const std::string& name);

}  // namespace weft::cli
