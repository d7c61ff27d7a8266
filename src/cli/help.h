// What --help prints.
#pragma once

#include <string>
#include <string_view>

#include "cli/commands.h"

namespace weft::cli {

std::string help();                     // of weft: the nouns and the commands
std::string help_of(const Noun& noun);  // its verbs
std::string help_of(const Command& command);
// By a command's or a noun's name; "" for all. Empty: there is no such.
std::string help_named(std::string_view name);

}  // namespace weft::cli
