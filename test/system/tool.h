// The main() of a tool: it wants as many words as its usage names, and says why it
// failed.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "base/result.h"

namespace weft {

// `run` gets the words and prints what it has to say.
inline int tool(int argc, char** argv, std::string_view usage, Result<> (*run)(char** words)) {
  if (argc != 1 + std::count(usage.begin(), usage.end(), ' ')) return fmt::print(stderr, "usage: {}\n", usage), 2;
  const auto done = run(argv + 1);
  if (done.ok()) return 0;
  fmt::print(stderr, "{}: {}\n", usage.substr(0, usage.find(' ')), done.error().what);
  return 1;
}

}  // namespace weft
