#include "cli/usage.h"

#include "base/text.h"

namespace weft::cli {

namespace {

std::string usage_of(const Argument& argument) {
  const std::string many = argument.count == Count::One ? "" : "...";
  const std::string word = std::string(argument.name) + many;
  return argument.need == Need::Required ? word : "[" + word + "]";
}

std::vector<Entry> entries_of(std::string_view rows) {
  std::vector<Entry> entries;
  if (rows.empty()) return entries;
  for (const auto row : base::split(rows, '|')) {
    const size_t space = row.find(' ');
    entries.push_back({std::string(row.substr(0, space)), std::string(row.substr(space + 1))});
  }
  return entries;
}

}  // namespace

std::string usage_of(const Command& command) {
  std::string usage = "weft " + std::string(command.name);
  std::string last;
  for (const Argument& argument : command.arguments) {
    const bool is_last = &argument == &command.arguments.back();
    if (is_last && command.rest == Rest::Words) {
      last = (argument.need == Need::Required ? " [--] " : " [[--] ") + std::string(argument.name) + "..." +
             (argument.need == Need::Required ? "" : "]");
    } else {
      usage += " " + usage_of(argument);
    }
  }
  for (const Flag& flag : command.flags) {
    if (flag.need != Need::Required || flag.said == Said::InName) continue;
    usage += " --" + std::string(flag.name) + " " + std::string(flag.value) + (flag.count == Count::Many ? "..." : "");
  }
  return usage + " [FLAG...]" + last;
}

Entry entry_of(const Argument& argument) { return {std::string(argument.name), std::string(argument.help)}; }

Entry entry_of(const Flag& flag) {
  std::string term = flag.letter ? std::string("-") + flag.letter + ", " : std::string();
  term += "--" + std::string(flag.name);
  if (flag.name == "wait") {
    term += "[=" + std::string(flag.value) + "]";
  } else if (!flag.value.empty()) {
    term += " " + std::string(flag.value);
  }
  std::string text(flag.help);
  if (flag.need == Need::Required && flag.said == Said::ByFlag) text += " (needed)";
  if (flag.count == Count::Many) text += " (may be repeated)";
  return {std::move(term), std::move(text)};
}

std::vector<Entry> argument_entries(const Command& command) {
  std::vector<Entry> entries;
  for (const Argument& argument : command.arguments) entries.push_back(entry_of(argument));
  return entries;
}

std::vector<Entry> flag_entries(const Command& command) {
  std::vector<Entry> entries;
  for (const Flag& flag : command.flags) entries.push_back(entry_of(flag));
  return entries;
}

std::vector<Entry> global_entries(const Command& command) {
  std::vector<Entry> entries;
  for (const Flag& flag : global_flags()) {
    if (applies(flag, command)) entries.push_back(entry_of(flag));
  }
  return entries;
}

std::vector<Entry> exit_entries(const Command& command) { return entries_of(command.exits); }

std::vector<Entry> common_exits() {
  return entries_of(
      "0 done|1 failed|2 the command line or the request is wrong|3 not found|4 it exists, or something else holds it|"
      "5 the caller may not do this|6 not now: weftd can't be reached, or changes nothing at the moment|"
      "7 over a limit|8 not finished within the time allowed");
}

std::string sentence_of(std::string_view summary) {
  std::string sentence(summary);
  if (!sentence.empty() && sentence[0] >= 'a' && sentence[0] <= 'z')
    sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
  return sentence + ".";
}

std::vector<std::string_view> paragraphs_of(std::string_view details) {
  std::vector<std::string_view> paragraphs;
  while (!details.empty()) {
    const size_t end = std::min(details.find("\n\n"), details.size());
    paragraphs.push_back(details.substr(0, end));
    details.remove_prefix(std::min(end + 2, details.size()));
  }
  return paragraphs;
}

std::vector<const Command*> commands_of(const Noun* noun) {
  std::vector<const Command*> some;
  for (const Command& command : commands()) {
    if (command.place == Place::Hidden) continue;
    const bool belongs = noun ? command.noun() == noun->name && !command.verb().empty() : command.verb().empty();
    if (belongs) some.push_back(&command);
  }
  return some;
}

}  // namespace weft::cli
