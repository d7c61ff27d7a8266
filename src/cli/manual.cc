#include "cli/manual.h"

#include <fmt/core.h>

#include <algorithm>

#include "cli/usage.h"

namespace weft::cli {

namespace {

// Text that roff shows as it stands: dashes that can be copied, no requests at
// the start of a line.
std::string roff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    line_start = c == '\n';
    switch (c) {
      case '\\': out += "\\e"; break;
      case '-': out += "\\-"; break;
      case '\'': out += "\\(aq"; break;
      case '`': out += "\\(ga"; break;
      case '^': out += "\\(ha"; break;
      case '~': out += "\\(ti"; break;
      default: out += c;
    }
  }
  return out;
}

std::string page_name(const Command& command) {
  std::string name = "weft-" + std::string(command.name);
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string head(std::string_view name, std::string_view summary) {
  std::string upper(name);
  for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return fmt::format(".TH {} 1 \"\" \"Weft {}\" \"Weft\"\n.SH NAME\n{} \\- {}\n", roff(upper), WEFT_VERSION, roff(name),
                     roff(summary));
}

std::string terms(std::string_view title, const std::vector<Entry>& entries) {
  if (entries.empty()) return {};
  std::string out = fmt::format(".SH {}\n", title);
  for (const Entry& entry : entries) out += fmt::format(".TP\n.B {}\n{}\n", roff(entry.term), roff(entry.text));
  return out;
}

std::string description(const Command& command) {
  std::string out = ".SH DESCRIPTION\n";
  if (command.details.empty()) return out + roff(sentence_of(command.summary)) + "\n";
  bool first = true;
  for (const auto paragraph : paragraphs_of(command.details)) {
    if (!first) out += ".PP\n";
    first = false;
    out += roff(paragraph) + "\n";
  }
  return out;
}

std::string environment(const Command& command) {
  if (command.flags.empty()) return {};
  std::vector<Entry> entries;
  for (const Flag& flag : command.flags) entries.push_back({variable_of(flag), "as --" + std::string(flag.name)});
  return terms("ENVIRONMENT", entries);
}

std::string examples(const Command& command) {
  if (command.examples.empty()) return {};
  std::string out = ".SH EXAMPLES\n";
  for (const Example& example : command.examples) {
    if (!example.what.empty()) out += fmt::format(".PP\n{}:\n", roff(example.what));
    out += fmt::format(".PP\n.nf\n.RS\n{}\n.RE\n.fi\n", roff(example.line));
  }
  return out;
}

std::vector<Entry> exits_of(const Command& command) {
  std::vector<Entry> entries = exit_entries(command);
  if (entries.empty()) return common_exits();
  entries.push_back({"others", "as weft(1) says"});
  return entries;
}

Page page_of(const Command& command) {
  const std::string name = page_name(command);
  return {name + ".1", head(name, command.summary) + fmt::format(".SH SYNOPSIS\n.B {}\n", roff(usage_of(command))) +
                           description(command) + terms("ARGUMENTS", argument_entries(command)) +
                           terms("FLAGS", flag_entries(command)) +
                           terms("FLAGS OF ALL COMMANDS", global_entries(command)) +
                           terms("EXIT STATUS", exits_of(command)) + environment(command) + examples(command) +
                           ".SH SEE ALSO\n.BR weft (1)\n"};
}

Page overview() {
  std::string text = head("weft", "private networks for the programs of your machines");
  text +=
      ".SH SYNOPSIS\n.B weft\nNOUN VERB [NAME] [FLAG...]\n.br\n.B weft\nCOMMAND [FLAG...]\n"
      ".SH DESCRIPTION\nweft tells weftd, the daemon, what networks there should be on this machine and what runs in "
      "them, and shows what there is. Each command has a page of its own:\n.BR weft\\-vpc\\-create (1)\nfor `weft vpc "
      "create`.\n";
  std::vector<Entry> entries;
  for (const Command& command : commands()) {
    if (command.place == Place::Listed) entries.push_back({std::string(command.name), std::string(command.summary)});
  }
  text += terms("COMMANDS", entries);
  entries.clear();
  for (const Flag& flag : global_flags()) entries.push_back(entry_of(flag));
  text += terms("FLAGS", entries) + terms("EXIT STATUS", common_exits());
  text +=
      ".SH ENVIRONMENT\nEach flag may be given in the environment too: WEFT_SOCKET for \\-\\-socket, and so on, with "
      "underscores for dashes. Several values are separated by commas, those of WEFT_ENV by newlines. What the command "
      "line says goes before.\n.PP\nNO_COLOR, when it isn't empty, turns colours off.\n"
      ".SH FILES\n.TP\n.B /run/weft/weft.sock\nwhere weftd listens\n"
      ".TP\n.B ~/.config/weft/contexts.json\nsockets by name, for \\-\\-context: {\"lab\": "
      "\"/run/weft\\-lab/weft.sock\"}\n";
  return {"weft.1", std::move(text)};
}

}  // namespace

std::vector<Page> manual() {
  std::vector<Page> pages = {overview()};
  for (const Command& command : commands()) {
    if (command.place == Place::Listed) pages.push_back(page_of(command));
  }
  return pages;
}

}  // namespace weft::cli
