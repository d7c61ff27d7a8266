// The parts of a command's description that help, the manual and the reference
// share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"

namespace weft::cli {

// "weft vpc create NAME --cidr PREFIX... [FLAGS]"
std::string usage_of(const Command& command);

// What is said of one flag or argument: its spelling, and the text.
struct Entry {
  std::string term;  // "-o, --output FORMAT"
  std::string text;
};
Entry entry_of(const Argument& argument);
Entry entry_of(const Flag& flag);
std::vector<Entry> argument_entries(const Command& command);
std::vector<Entry> flag_entries(const Command& command);
std::vector<Entry> global_entries(const Command& command);  // the global ones that apply
std::vector<Entry> exit_entries(const Command& command);
// The statuses that all commands share.
std::vector<Entry> common_exits();

// "list VPCs" -> "List VPCs."
std::string sentence_of(std::string_view summary);
std::vector<std::string_view> paragraphs_of(std::string_view details);

// The listed commands: of a noun, or (nullptr) those of one word.
std::vector<const Command*> commands_of(const Noun* noun);

}  // namespace weft::cli
