#include "cli/parse.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "cli/nearest.h"
#include "cli/value.h"

namespace weft::cli {

using base::Code;
using base::printable;

namespace {

std::string shown(const Flag& flag) { return "--" + std::string(flag.name); }

// What an error calls the place that is wrong: the request's field, or the word that
// stands for it where nothing is sent.
std::string place_of(const Flag& flag) { return flag.field == "-" ? std::string(flag.name) : field_of(flag); }
std::string place_of(const Argument& argument) {
  if (argument.field != "-") return std::string(argument.field);
  std::string name(argument.name);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

Shape shape_of(const Flag& flag) {
  return {.kind = flag.kind, .choices = flag.kind == Kind::Choice ? flag.choices : ""};
}

Shape shape_of(const Argument& argument) {
  return {.kind = argument.kind,
          .choices = argument.kind == Kind::Choice ? argument.choices : "",
          .letters = argument.letters};
}

// Reads the words behind the command's name.
class Reader {
 public:
  Reader(const Command& command, const std::vector<std::string>& words) : words_(words) { given_.command = &command; }

  Result<Parsed> read(const Variables& variables);

 private:
  const Command& command() const { return *given_.command; }
  Result<> read_long(std::string_view word);
  Result<> read_letters(std::string_view word);
  Result<> add(const Flag& flag, std::string_view value);
  Result<std::string> next_value(const Flag& flag);
  Result<> read_variable(const Flag& flag, const Variables& variables);
  Result<> read_variables(const Variables& variables);
  Result<> place_words();
  Result<> check_needs() const;
  Result<> check_some() const;
  Result<> check_excludes(const Flag& flag) const;
  bool is_in_name(const Flag& flag) const;
  Error unknown(std::string_view name) const;

  const std::vector<std::string>& words_;
  size_t at_ = 0;
  std::vector<std::string> plain_;  // the words that aren't flags
  Given given_;
};

// Why a global flag means nothing for a command, see applies().
std::string_view why_not(const Flag& global) {
  if (global.name == "dry-run" || global.name == "wait") return "changes nothing";
  if (global.name == "yes") return "doesn't ask";
  if (global.name == "timeout") return "changes something: --wait says how long that may take";
  if (global.name == "consistent") return "isn't a command that only reads";
  return "doesn't need weftd";
}

Error Reader::unknown(std::string_view name) const {
  const auto& later = command().later;
  if (name == "endpoint" || std::find(later.begin(), later.end(), name) != later.end()) {
    return error(Code::Usage, "--{}: not in this version", name);
  }
  std::vector<std::string_view> known;
  for (const auto* flags : {&command().flags, &global_flags()}) {
    for (const Flag& flag : *flags) {
      if (flag.name == name) return error(Code::Usage, "--{}: `weft {}` {}", name, command().name, why_not(flag));
      if (find_flag(command(), flag.name)) known.push_back(flag.name);
    }
  }
  return error(Code::Usage, "{}: no such flag{}", printable("--" + std::string(name)), suggestion(name, known));
}

Result<> Reader::add(const Flag& flag, std::string_view value) {
  TRY_VOID(check_value(shape_of(flag), value).within(shown(flag)).in_field(place_of(flag)));
  auto& values = given_.flags[flag.name];
  if (flag.kind == Kind::Switch) {
    values = {"true"};
    return {};
  }
  if (flag.count == Count::One && !values.empty()) {
    return error(Code::Usage, "{}: two values: {} and {}", shown(flag), printable(values.front()), printable(value))
        .in_field(place_of(flag));
  }
  if (values.size() >= kMostValues) return error(Code::Usage, "{}: more than {} values", shown(flag), kMostValues);
  values.emplace_back(value);
  return {};
}

Result<std::string> Reader::next_value(const Flag& flag) {
  const bool there = at_ < words_.size() && !words_[at_].starts_with("--");
  if (!there) return error(Code::Usage, "{}: needs a value, {}", shown(flag), flag.value).in_field(place_of(flag));
  return words_[at_++];
}

Result<> Reader::read_long(std::string_view word) {
  const size_t equals = std::min(word.find('='), word.size());
  const std::string_view name = word.substr(2, equals - 2);
  const Flag* flag = find_flag(command(), name);
  if (!flag) return unknown(name);
  const bool inline_value = equals < word.size();
  if (flag->kind == Kind::Switch) {
    if (inline_value) return error(Code::Usage, "{}: takes no value", shown(*flag));
    return add(*flag, "true");
  }
  if (inline_value) return add(*flag, word.substr(equals + 1));
  if (flag->name == "wait") return add(*flag, "60s");
  const std::string value = TRY(next_value(*flag));
  return add(*flag, value);
}

Result<> Reader::read_letters(std::string_view word) {
  for (size_t i = 1; i < word.size(); ++i) {
    const Flag* flag = find_flag(command(), word[i]);
    if (!flag) return error(Code::Usage, "{}: no such flag", printable(word));
    if (flag->kind == Kind::Switch) {
      TRY_VOID(add(*flag, "true"));
      continue;
    }
    const std::string_view attached = word.substr(i + 1);
    if (!attached.empty()) return add(*flag, attached.starts_with('=') ? attached.substr(1) : attached);
    const std::string value = TRY(next_value(*flag));
    return add(*flag, value);
  }
  return {};
}

Result<> Reader::read_variable(const Flag& flag, const Variables& variables) {
  const std::string name = variable_of(flag);
  const auto text = variables(name);
  if (!text || text->empty() || flag.name == "help") return {};
  if (flag.kind == Kind::Switch) {
    constexpr std::string_view kBoth = "1|true|yes|0|false|no";
    TRY_VOID(check_value({.kind = Kind::Choice, .choices = kBoth}, *text).within(name));
    if (*text == "1" || *text == "true" || *text == "yes") given_.flags[flag.name] = {"true"};
    return {};
  }
  if (flag.count == Count::One) return add(flag, *text).within(name);
  for (const auto part : base::split(*text, flag.kind == Kind::Setting ? '\n' : ',')) {
    if (!part.empty()) TRY_VOID(add(flag, part).within(name));
  }
  return {};
}

Result<> Reader::read_variables(const Variables& variables) {
  // What the line excludes, the environment doesn't bring back.
  std::vector<std::string_view> closed;
  for (const auto& [name, values] : given_.flags) {
    closed.push_back(name);
    for (const auto other : base::split(find_flag(command(), name)->excludes, ' ')) closed.push_back(other);
  }
  for (const auto* flags : {&command().flags, &global_flags()}) {
    for (const Flag& flag : *flags) {
      const bool open = std::find(closed.begin(), closed.end(), flag.name) == closed.end();
      if (open && !is_in_name(flag) && find_flag(command(), flag.name)) TRY_VOID(read_variable(flag, variables));
    }
  }
  return {};
}

// Gives each argument its words, the last one what is left.
Result<> Reader::place_words() {
  size_t next = 0;
  for (const Argument& argument : command().arguments) {
    const size_t most = argument.count == Count::One ? 1 : plain_.size();
    for (size_t i = 0; i < most && next < plain_.size(); ++i, ++next) {
      TRY_VOID(check_value(shape_of(argument), plain_[next]).within(argument.name).in_field(place_of(argument)));
      given_.arguments[argument.name].push_back(plain_[next]);
    }
    const auto& values = given_.arguments[argument.name];
    if (values.empty() && argument.need == Need::Required) return error(Code::Usage, "{} is missing", argument.name);
    if (values.size() > kMostValues) return error(Code::Usage, "{}: more than {}", argument.name, kMostValues);
  }
  if (next < plain_.size()) return error(Code::Usage, "{}: one word too many", printable(plain_[next]));
  return {};
}

Result<> Reader::check_excludes(const Flag& flag) const {
  for (const auto other : base::split(flag.excludes, ' ')) {
    if (given_.has(other)) return error(Code::Usage, "--{} and --{} exclude each other", flag.name, other);
  }
  return {};
}

bool Reader::is_in_name(const Flag& flag) const {
  if (flag.said == Said::ByFlag) return false;
  return given_.argument(command().arguments.front().name).find('/') != std::string::npos;
}

Result<> Reader::check_needs() const {
  for (const auto& [name, values] : given_.flags) TRY_VOID(check_excludes(*find_flag(command(), name)));
  for (const Flag& flag : command().flags) {
    if (flag.need != Need::Required || given_.has(flag.name) || is_in_name(flag)) continue;
    const std::string or_so = flag.said == Said::InName ? fmt::format(" ({}/NAME says it, too)", flag.value) : "";
    return error(Code::Usage, "{} is missing{}", shown(flag), or_so).in_field(place_of(flag));
  }
  return {};
}

// To set nothing is a mistake.
Result<> Reader::check_some() const {
  if (command().verb() != "set") return {};
  for (const Flag& flag : command().flags) {
    if (given_.has(flag.name)) return {};
  }
  return error(Code::Usage, "nothing to set: weft {} --help lists what there is", command().name);
}

Result<Parsed> Reader::read(const Variables& variables) {
  const auto& arguments = command().arguments;
  const size_t words_from = command().rest == Rest::Words ? arguments.size() - 1 : words_.size();
  while (at_ < words_.size()) {
    const std::string& word = words_[at_++];
    if (word == "--" || (plain_.size() >= words_from && !word.starts_with('-'))) {
      if (word != "--") plain_.push_back(word);
      plain_.insert(plain_.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_), words_.end());
      break;
    }
    if (word.starts_with("--")) {
      TRY_VOID(read_long(word));
    } else if (word.size() > 1 && word[0] == '-') {
      TRY_VOID(read_letters(word));
    } else {
      plain_.push_back(word);
    }
    if (given_.has("help")) return Parsed(HelpWanted{std::string(command().name)});
  }
  TRY_VOID(place_words());
  TRY_VOID(read_variables(variables));
  TRY_VOID(check_needs());
  TRY_VOID(check_some());
  return Parsed(std::move(given_));
}

bool asks_for_help(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(), [](const auto& word) { return word == "--help" || word == "-h"; });
}

}  // namespace

std::string Given::argument(std::string_view name) const {
  const auto found = arguments.find(name);
  return found == arguments.end() || found->second.empty() ? std::string() : found->second.front();
}

std::string Given::flag(std::string_view name) const {
  const auto found = flags.find(name);
  return found == flags.end() || found->second.empty() ? std::string() : found->second.front();
}

Result<Parsed> parse(const std::vector<std::string>& words, const Variables& variables) {
  const Split split = TRY(split_command(words));
  if (split.command) return Reader(*split.command, split.rest).read(variables).within(split.name);
  if (words.empty() || asks_for_help(split.rest)) return Parsed(HelpWanted{split.name});
  if (split.name.empty()) return error(Code::Usage, "flags alone: which command? (weft --help lists them)");
  return error(Code::Usage, "{}: which command of it? (weft {} --help lists them)", split.name, split.name);
}

}  // namespace weft::cli
