// From the words of a command line to what is meant by them.
//
//   line    = *(flag / word), in any order; a `--` ends the flags
//   flag    = --NAME VALUE / --NAME=VALUE / -L VALUE / -LVALUE / a switch
//   switches of one letter may stand together: -dt
//
// What the line doesn't say, the environment may: WEFT_NAME for --name; several
// values are separated by commas (those of --env by newlines).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"

namespace weft::cli {

// A command with its values. All are of the right kind, all that must be there is.
struct Given {
  const Command* command = nullptr;
  std::map<std::string_view, std::vector<std::string>> arguments;  // by the argument's name
  std::map<std::string_view, std::vector<std::string>> flags;      // by the flag's; a switch has "true"

  // The first value; empty where there is none.
  std::string argument(std::string_view name) const;
  std::string flag(std::string_view name) const;
  bool has(std::string_view flag_name) const { return flags.contains(flag_name); }
};

// Help was asked for: of a command, of a noun, or of all ("").
struct HelpWanted {
  std::string name;
};

using Parsed = std::variant<Given, HelpWanted>;
using Variables = std::function<std::optional<std::string>(const std::string& name)>;

Result<Parsed> parse(const std::vector<std::string>& words, const Variables& variables);

// The words of a command's name at the start of the line, and what is left.
struct Split {
  const Command* command = nullptr;
  std::string name;  // as far as it is known: "vpc" when only the noun stands there
  std::vector<std::string> rest;
};
Result<Split> split_command(const std::vector<std::string>& words);

}  // namespace weft::cli
