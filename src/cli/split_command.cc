#include <algorithm>

#include "base/text.h"
#include "cli/nearest.h"
#include "cli/parse.h"

namespace weft::cli {

using base::Code;
using base::printable;

namespace {

const Flag* find_global(std::string_view word) {
  const bool is_long = word.starts_with("--");
  const std::string_view name = is_long ? word.substr(2, word.find('=') - 2) : std::string_view();
  for (const Flag& flag : global_flags()) {
    if (is_long ? flag.name == name : flag.letter == word[1]) return &flag;
  }
  return nullptr;
}

// Whether the value is the next word: --flag VALUE, -f VALUE.
bool takes_next(const Flag& flag, std::string_view word) {
  if (flag.kind == Kind::Switch || flag.name == "wait") return false;
  return word.starts_with("--") ? word.find('=') == std::string_view::npos : word.size() == 2;
}

std::vector<std::string_view> first_words() {
  std::vector<std::string_view> words;
  for (const Noun& noun : nouns()) words.push_back(noun.name);
  for (const Command& command : commands()) {
    if (command.verb().empty() && command.place == Place::Listed) words.push_back(command.name);
  }
  return words;
}

std::vector<std::string_view> verbs_of(std::string_view noun) {
  std::vector<std::string_view> words;
  for (const Command& command : commands()) {
    if (command.noun() == noun) words.push_back(command.verb());
  }
  return words;
}

Error unknown_flag(std::string_view word) {
  std::vector<std::string_view> names;
  for (const Flag& flag : global_flags()) names.push_back(flag.name);
  if (word.starts_with("--endpoint")) return error(Code::Usage, "--endpoint: not in this version");
  return error(Code::Usage, "{}: no such flag in front of a command{}", printable(word),
               suggestion(word.substr(0, word.find('=')), names));
}

Result<> take_word(Split& split, const std::string& word) {
  if (split.name.empty()) {
    if (is_for_later(word)) return error(Code::Usage, "{}: not in this version", word);
    split.command = find_command(word);
    if (!split.command && !find_noun(word)) {
      return error(Code::Usage, "{}: no such command{}", printable(word), suggestion(word, first_words()));
    }
    split.name = word;
    return {};
  }
  const std::string both = split.name + " " + word;
  split.command = find_command(both);
  if (!split.command) {
    return error(Code::Usage, "{}: no such command of {}{}", printable(word), split.name,
                 suggestion(word, verbs_of(split.name)));
  }
  split.name = both;
  return {};
}

}  // namespace

Result<Split> split_command(const std::vector<std::string>& words) {
  Split split;
  size_t at = 0;
  for (; at < words.size() && !split.command; ++at) {
    const std::string& word = words[at];
    if (word == "--") return error(Code::Usage, "--: a command comes first");
    if (word.size() < 2 || word[0] != '-') {
      TRY_VOID(take_word(split, word));
      continue;
    }
    const Flag* flag = find_global(word);
    if (!flag) return unknown_flag(word);
    split.rest.push_back(word);
    if (takes_next(*flag, word) && at + 1 < words.size()) split.rest.push_back(words[++at]);
  }
  split.rest.insert(split.rest.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  return split;
}

}  // namespace weft::cli
