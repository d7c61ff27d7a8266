#include "cli/reference.h"

#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/usage.h"

namespace weft::cli {

namespace {

std::string terms(std::string_view title, const std::vector<Entry>& entries) {
  if (entries.empty()) return {};
  std::string out = fmt::format("\n{}:\n\n", title);
  for (const Entry& entry : entries) out += fmt::format("- `{}`: {}\n", entry.term, entry.text);
  return out;
}

std::string examples_of(const Command& command) {
  if (command.examples.empty()) return {};
  std::string out = "\n```sh\n";
  for (const Example& example : command.examples) {
    if (!example.what.empty()) out += fmt::format("# {}\n", example.what);
    out += fmt::format("{}\n", example.line);
  }
  return out + "```\n";
}

std::string chapter(const Command& command) {
  std::string out =
      fmt::format("\n### weft {}\n\n    {}\n\n{}\n", command.name, usage_of(command), sentence_of(command.summary));
  for (const auto paragraph : paragraphs_of(command.details)) out += fmt::format("\n{}\n", paragraph);
  out += terms("Arguments", argument_entries(command)) + terms("Flags", flag_entries(command));
  if (!command.method.empty()) out += fmt::format("\nMethod: `POST /v1/{}`\n", command.method);
  return out + terms("Exit status", exit_entries(command)) + examples_of(command);
}

}  // namespace

std::string reference() {
  std::string out =
      "# The commands\n\n"
      "Made from the table in src/cli by `weft reference`; a test compares.\n\n"
      "`weft NOUN VERB [NAME] [FLAG...]`. An object is named by its id, its name, or VPC/NAME where names live in a "
      "VPC. Data is printed on stdout, everything else on stderr.\n\n"
      "Each flag may be given in the environment too: WEFT_SOCKET for `--socket`, and so on, with underscores for "
      "dashes. Several values are separated by commas, those of WEFT_ENV by newlines. What the command line says goes "
      "before.\n\n## Flags of all commands\n\n"
      "Where they mean something: `--dry-run` and `--wait` for commands that change something, `--yes` for those that "
      "remove.\n\n";
  for (const Flag& flag : global_flags()) {
    const Entry entry = entry_of(flag);
    out += fmt::format("- `{}`: {}\n", entry.term, entry.text);
  }
  out += "\n## Exit status\n\n";
  for (const Entry& entry : common_exits()) out += fmt::format("- {}: {}\n", entry.term, entry.text);
  for (const Noun& noun : nouns()) {
    out += fmt::format("\n## {}: {}\n", noun.name, noun.summary);
    for (const Command* command : commands_of(&noun)) out += chapter(*command);
  }
  out += "\n## Commands of one word\n";
  for (const Command* command : commands_of(nullptr)) out += chapter(*command);
  return out;
}

}  // namespace weft::cli
