#include "cli/help.h"

#include <fmt/core.h>

#include <algorithm>

#include "cli/usage.h"
#include "cli/visible.h"

namespace weft::cli {

namespace {

constexpr size_t kWidth = 100;
constexpr size_t kWidestTerm = 34;  // a longer one has a line of its own

// The text in lines of at most `width`, each behind `indent` blanks but the first.
std::string wrap(std::string_view text, size_t indent, size_t width) {
  std::string out;
  size_t column = indent;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (column > indent && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += " ";
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string paragraphs(std::string_view details) {
  std::string out;
  for (const auto paragraph : paragraphs_of(details)) out += "\n" + wrap(paragraph, 0, kWidth) + "\n";
  return out;
}

std::string section(std::string_view title, const std::vector<Entry>& entries) {
  if (entries.empty()) return {};
  size_t term_width = 0;
  for (const Entry& entry : entries) {
    if (entry.term.size() <= kWidestTerm) term_width = std::max(term_width, entry.term.size());
  }
  std::string out = fmt::format("\n{}:\n", title);
  for (const Entry& entry : entries) {
    const size_t indent = 2 + term_width + 3;
    out += "  " + entry.term;
    if (entry.term.size() > term_width) {
      out += "\n" + std::string(indent, ' ');
    } else {
      out += std::string(term_width - entry.term.size() + 3, ' ');
    }
    out += wrap(entry.text, indent, kWidth) + "\n";
  }
  return out;
}

std::string examples(const Command& command) {
  if (command.examples.empty()) return {};
  std::string out = "\nExamples:\n";
  for (const Example& example : command.examples) {
    if (!example.what.empty()) out += fmt::format("  # {}\n", example.what);
    out += fmt::format("  {}\n", example.line);
  }
  return out;
}

std::vector<Entry> summaries(const std::vector<const Command*>& some) {
  std::vector<Entry> entries;
  for (const Command* command : some) entries.push_back({std::string(command->name), std::string(command->summary)});
  return entries;
}

std::vector<Entry> with_variables(const Command& command) {
  std::vector<Entry> entries = flag_entries(command);
  for (size_t i = 0; i < entries.size(); ++i) entries[i].text += fmt::format(" [{}]", variable_of(command.flags[i]));
  return entries;
}

}  // namespace

std::string help() {
  std::vector<Entry> of_nouns;
  for (const Noun& noun : nouns()) of_nouns.push_back({std::string(noun.name), std::string(noun.summary)});
  std::vector<Entry> of_flags;
  for (const Flag& flag : global_flags()) of_flags.push_back(entry_of(flag));
  return "weft: private networks for the programs of your machines\n\n"
         "Usage: weft NOUN VERB [NAME] [FLAG...]\n"
         "       weft COMMAND [FLAG...]\n" +
         section("Nouns", of_nouns) + section("Commands", summaries(commands_of(nullptr))) +
         section("Flags", of_flags) + section("Exit status", common_exits()) + "\n" +
         wrap(
             "Each flag may be given in the environment too: WEFT_SOCKET for --socket, and so on. `weft NOUN --help` "
             "and "
             "`weft NOUN VERB --help` say more.",
             0, kWidth) +
         "\n";
}

std::string help_of(const Noun& noun) {
  return fmt::format("weft {}: {}\n\nUsage: weft {} VERB [NAME] [FLAG...]\n", noun.name, noun.summary, noun.name) +
         section("Commands", summaries(commands_of(&noun)));
}

std::string help_of(const Command& command) {
  return fmt::format("weft {}: {}\n\nUsage: {}\n", command.name, command.summary, wrap(usage_of(command), 9, kWidth)) +
         paragraphs(command.details) + section("Arguments", argument_entries(command)) +
         section("Flags", with_variables(command)) + section("Flags of all commands", global_entries(command)) +
         section("Exit status", exit_entries(command)) + examples(command);
}

std::string help_named(std::string_view name) {
  if (name.empty()) return help();
  if (const Command* command = find_command(name)) return help_of(*command);
  if (const Noun* noun = find_noun(name)) return help_of(*noun);
  return {};
}

}  // namespace weft::cli
