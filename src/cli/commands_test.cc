// What must hold of every row of the table.
#include "cli/commands.h"

#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "cli/help.h"
#include "cli/parse.h"

namespace weft::cli {
namespace {

TEST(Commands, NamesAreUniqueAndHaveANoun) {
  std::set<std::string_view> names;
  for (const Command& command : commands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    EXPECT_FALSE(command.summary.empty()) << command.name;
    EXPECT_FALSE(command.summary.ends_with('.')) << command.name;
    EXPECT_TRUE(command.verb().empty() || find_noun(command.noun()) != nullptr) << command.name;
    EXPECT_FALSE(is_for_later(command.noun())) << command.name;
  }
}

TEST(Commands, FlagsAreUniqueWithTheGlobalOnes) {
  for (const Command& command : commands()) {
    std::set<std::string_view> names;
    std::set<char> letters;
    for (const auto* flags : {&command.flags, &global_flags()}) {
      for (const Flag& flag : *flags) {
        EXPECT_TRUE(names.insert(flag.name).second) << command.name << " --" << flag.name;
        EXPECT_TRUE(flag.letter == 0 || letters.insert(flag.letter).second) << command.name << " -" << flag.letter;
        EXPECT_EQ(flag.kind == Kind::Switch, flag.value.empty()) << command.name << " --" << flag.name;
        EXPECT_FALSE(flag.kind == Kind::Choice && flag.choices.empty()) << flag.name;
        EXPECT_FALSE(flag.help.empty()) << flag.name;
        EXPECT_NE(flag.excludes, flag.name);
      }
    }
    for (const auto later : command.later) EXPECT_FALSE(names.contains(later)) << command.name << " --" << later;
  }
}

TEST(Commands, ExclusionIsMutual) {
  for (const Command& command : commands()) {
    for (const Flag& flag : command.flags) {
      if (flag.excludes.empty()) continue;
      for (const auto other : base::split(flag.excludes, ' ')) {
        const Flag* found = find_flag(command, other);
        ASSERT_NE(found, nullptr) << flag.name;
        EXPECT_NE(found->excludes.find(flag.name), std::string_view::npos) << flag.name;
      }
    }
  }
}

TEST(Commands, OnlyTheLastArgumentTakesMany) {
  for (const Command& command : commands()) {
    for (const Argument& argument : command.arguments) {
      if (&argument != &command.arguments.back()) {
        EXPECT_EQ(argument.count, Count::One) << command.name;
        // Behind one that may be left away all may.
        const bool may_be_left_away = argument.need == Need::Optional;
        EXPECT_TRUE(!may_be_left_away || (&argument + 1)->need == Need::Optional) << command.name;
      }
    }
    EXPECT_TRUE(command.rest == Rest::Flags || command.arguments.back().count == Count::Many) << command.name;
  }
}

TEST(Commands, WhatChangesSomethingIsAskedOfWeftd) {
  for (const Command& command : commands()) {
    EXPECT_TRUE(command.place == Place::Hidden || (command.effect == Effect::Local) == command.method.empty())
        << command.name;
    EXPECT_TRUE(command.answer != Answer::List || !command.columns.empty()) << command.name;
    EXPECT_TRUE(command.effect != Effect::Remove || !command.arguments.empty()) << command.name;
  }
}

// The words of an example as a shell would split them; quotes only around whole words.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  for (const char c : line) {
    if (quote == 0 && c == ' ') {
      if (!word.empty()) words.push_back(std::exchange(word, {}));
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

TEST(Commands, ExamplesParse) {
  for (const Command& command : commands()) {
    for (const Example& example : command.examples) {
      if (!example.line.starts_with("weft ")) continue;
      std::string_view line = example.line;
      line = line.substr(0, line.find(" > "));
      auto words = words_of(line);
      words.erase(words.begin());
      const auto parsed = parse(words, [](const std::string&) { return std::nullopt; });
      ASSERT_TRUE(parsed.ok()) << example.line << ": " << parsed.error().what;
      EXPECT_EQ(std::get<Given>(*parsed).command, &command) << example.line;
    }
  }
}

TEST(Commands, HelpDoesNotSpeakOfLater) {
  const std::string overview = help();
  for (const char* noun : {"nat", "eip", "machine", "peering", "ingress", "__complete", "reference"}) {
    EXPECT_EQ(overview.find(std::string("  ") + noun), std::string::npos) << noun;
  }
  EXPECT_EQ(help_named("run").find("--image"), std::string::npos);
}

}  // namespace
}  // namespace weft::cli
