#include "cli/completion.h"

#include <fmt/core.h>

#include <algorithm>

#include "cli/usage.h"
#include "cli/value.h"
#include "cli/visible.h"

namespace weft::cli {

namespace {

bool is_flag(std::string_view word) { return word.size() > 1 && word[0] == '-'; }

// The flag that the word before the last is waiting for a value of.
const Flag* flag_before(const Command* command, std::string_view word) {
  if (!is_flag(word) || word.find('=') != std::string_view::npos) return nullptr;
  const auto found = [&](const Flag& flag) {
    const bool same = word.starts_with("--") ? flag.name == word.substr(2) : word.size() == 2 && flag.letter == word[1];
    return same && flag.kind != Kind::Switch && flag.name != "wait";
  };
  for (const auto* flags : {command ? &command->flags : &global_flags(), &global_flags()}) {
    const auto flag = std::find_if(flags->begin(), flags->end(), found);
    if (flag != flags->end()) return &*flag;
  }
  return nullptr;
}

// What stands in front of the last word, sorted out.
struct Line {
  std::string name;  // "vpc", "vpc create", or empty
  const Command* command = nullptr;
  const Flag* flag = nullptr;                             // the last word is its value
  size_t words = 0;                                       // of the command's own, so far
  enum class Flags { Open, Closed } flags = Flags::Open;  // after `--`
};

void take_word(Line& line, const std::string& word) {
  if (line.command) {
    ++line.words;
    if (line.command->rest == Rest::Words && line.words >= line.command->arguments.size())
      line.flags = Line::Flags::Closed;
    return;
  }
  line.name += (line.name.empty() ? "" : " ") + word;
  line.command = find_command(line.name);
}

Line read(const std::vector<std::string>& words) {
  Line line;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (line.flag) {
      line.flag = nullptr;
    } else if (line.flags == Line::Flags::Open && words[i] == "--") {
      line.flags = Line::Flags::Closed;
    } else if (line.flags == Line::Flags::Open && is_flag(words[i])) {
      line.flag = flag_before(line.command, words[i]);
    } else {
      take_word(line, words[i]);
    }
  }
  return line;
}

void add_values(Candidates& to, std::string_view choices, Offer offer, const Names& names) {
  for (const auto choice : alternatives(choices)) to.some.push_back({std::string(choice)});
  switch (offer) {
    case Offer::Nothing: break;
    case Offer::File:
    case Offer::Folder:
    case Offer::Command: to.offer = offer; break;
    default:
      for (const std::string& name : names(offer)) to.some.push_back({visible(name)});
  }
}

void add_flags(Candidates& to, const Command* command) {
  for (const auto* flags : {command ? &command->flags : nullptr, &global_flags()}) {
    if (!flags) continue;
    for (const Flag& flag : *flags) {
      const bool is_usable = !command || flags != &global_flags() || applies(flag, *command);
      if (is_usable) to.some.push_back({"--" + std::string(flag.name), std::string(flag.help)});
    }
  }
}

void add_commands(Candidates& to, const std::string& name) {
  if (name.empty()) {
    for (const Noun& noun : nouns()) to.some.push_back({std::string(noun.name), std::string(noun.summary)});
    for (const Command* command : commands_of(nullptr)) {
      to.some.push_back({std::string(command->name), std::string(command->summary)});
    }
  } else if (const Noun* noun = find_noun(name)) {
    for (const Command* command : commands_of(noun)) {
      to.some.push_back({std::string(command->verb()), std::string(command->summary)});
    }
  }
}

void add_argument(Candidates& to, const Line& line, const Names& names) {
  const auto& arguments = line.command->arguments;
  if (arguments.empty()) return;
  const Argument& argument = arguments[std::min(line.words, arguments.size() - 1)];
  const bool is_taken = line.words >= arguments.size() && argument.count == Count::One;
  if (!is_taken) add_values(to, argument.choices, argument.offer, names);
}

// The flag of a last word such as --output=js.
const Flag* flag_with_value(const Line& line, std::string_view word) {
  const size_t equals = word.find('=');
  if (!word.starts_with("--") || equals == std::string_view::npos) return nullptr;
  return flag_before(line.command, word.substr(0, equals));
}

}  // namespace

Candidates complete(const std::vector<std::string>& words, const Names& names) {
  Candidates found;
  const std::string last = words.empty() ? std::string() : words.back();
  const Line line = read(words);
  std::string prefix;
  if (line.flag) {
    add_values(found, line.flag->choices, line.flag->offer, names);
  } else if (const Flag* flag = flag_with_value(line, last)) {
    prefix = last.substr(0, last.find('=') + 1);
    add_values(found, flag->choices, flag->offer, names);
  } else if (line.flags == Line::Flags::Open && last.starts_with("-")) {
    add_flags(found, line.command);
  } else if (line.command) {
    add_argument(found, line, names);
  } else {
    add_commands(found, line.name);
  }
  for (Candidate& candidate : found.some) candidate.text.insert(0, prefix);
  std::erase_if(found.some, [&](const Candidate& candidate) { return !candidate.text.starts_with(last); });
  return found;
}

std::string to_lines(const Candidates& candidates) {
  std::string out = candidates.offer == Offer::File      ? "files\n"
                    : candidates.offer == Offer::Folder  ? "folders\n"
                    : candidates.offer == Offer::Command ? "commands\n"
                                                         : "nothing\n";
  for (const Candidate& candidate : candidates.some) out += candidate.text + "\t" + candidate.what + "\n";
  return out;
}

}  // namespace weft::cli
