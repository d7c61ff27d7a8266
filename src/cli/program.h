// The program `weft`, but for main().
#pragma once

#include <string>
#include <vector>

#include "cli/parse.h"

namespace weft::cli {

// Does what the words (behind `weft`) say; the value is the exit status.
int run_program(const std::vector<std::string>& words, const Variables& variables);

}  // namespace weft::cli
