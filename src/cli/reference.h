// docs/commands.md: the commands for readers of the documentation.
#pragma once

#include <string>

namespace weft::cli {

std::string reference();

}  // namespace weft::cli
