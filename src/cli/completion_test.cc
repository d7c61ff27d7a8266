#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> names(Offer offer) {
  if (offer == Offer::Vpc) return {"lab", "shop"};
  if (offer == Offer::Workload) return {"web"};
  return {};
}

std::vector<std::string> texts(const std::vector<std::string>& words) {
  std::vector<std::string> texts;
  for (const Candidate& candidate : complete(words, names).some) texts.push_back(candidate.text);
  return texts;
}

TEST(Completion, Commands) {
  EXPECT_THAT(texts({"s"}), ElementsAre("subnet", "sg", "stop", "start", "status"));
  EXPECT_THAT(texts({"vpc", ""}), ElementsAre("create", "set", "ls", "show", "rm"));
  EXPECT_THAT(texts({"vpc", "s"}), ElementsAre("set", "show"));
  EXPECT_THAT(texts({""}), Not(Contains("__complete")));
  EXPECT_THAT(texts({"nonsense", ""}), IsEmpty());
}

TEST(Completion, Flags) {
  EXPECT_THAT(texts({"vpc", "create", "x", "--ci"}), ElementsAre("--cidr", "--cidr6"));
  EXPECT_THAT(texts({"ps", "--"}), Not(Contains("--dry-run")));
  EXPECT_THAT(texts({"vpc", "rm", "--"}), Contains("--yes"));
}

TEST(Completion, Values) {
  EXPECT_THAT(texts({"ps", "-o", "j"}), ElementsAre("json"));
  EXPECT_THAT(texts({"ps", "--output=y"}), ElementsAre("--output=yaml"));
  EXPECT_THAT(texts({"-o", "json", "vpc", "show", ""}), ElementsAre("lab", "shop"));
  EXPECT_THAT(texts({"subnet", "create", "x", "--vpc", "s"}), ElementsAre("shop"));
  EXPECT_THAT(texts({"sg", "allow", "g", ""}), ElementsAre("in", "out"));
  EXPECT_THAT(texts({"vpc", "show", "lab", ""}), IsEmpty());
  EXPECT_THAT(texts({"rm", "web", ""}), ElementsAre("web"));
}

TEST(Completion, WhatTheShellKnowsBest) {
  EXPECT_EQ(complete({"apply", "-f", ""}, names).offer, Offer::File);
  EXPECT_EQ(complete({"run", "--workdir", "/"}, names).offer, Offer::Folder);
  EXPECT_EQ(complete({"run", ""}, names).offer, Offer::Command);
  EXPECT_EQ(complete({"exec", "web", "--", ""}, names).offer, Offer::Command);
  EXPECT_EQ(to_lines({.some = {{"a", "b"}}, .offer = Offer::File}), "files\na\tb\n");
}

TEST(Completion, ACommandsOwnFlagsAreItsBusiness) {
  EXPECT_THAT(texts({"run", "ls", "--"}), IsEmpty());
  EXPECT_THAT(texts({"run", "--", "--"}), IsEmpty());
}

}  // namespace
}  // namespace weft::cli
