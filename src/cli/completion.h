// Completion: the shells' scripts ask `weft __complete WORD...`, and what may
// follow comes from the table and, for names, from weftd.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"

namespace weft::cli {

// "bash", "zsh", "fish".
std::string completion_script(std::string_view shell);

struct Candidate {
  std::string text;
  std::string what = {};  // a word about it
};

struct Candidates {
  std::vector<Candidate> some;
  Offer offer = Offer::Nothing;  // files, folders or commands, which the shell knows best
};

// Names of the objects of that kind.
using Names = std::function<std::vector<std::string>(Offer)>;

// What the last word may become. `words` stand behind `weft`; the last one is as
// far as it is written, possibly empty.
Candidates complete(const std::vector<std::string>& words, const Names& names);

// A line for each: TEXT TAB WHAT. The first line says what the shell adds:
// "files", "folders", "commands" or "nothing".
std::string to_lines(const Candidates& candidates);

}  // namespace weft::cli
