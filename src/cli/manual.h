// The manual pages, in roff with the man macros (groff_man(7)).
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace weft::cli {

struct Page {
  std::string file;  // "weft-vpc-create.1"
  std::string text;
};

// weft.1, and one for each command.
std::vector<Page> manual();

}  // namespace weft::cli
