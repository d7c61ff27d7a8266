#include "feed/problems.h"

#include <gtest/gtest.h>

#include "feed/message.h"

namespace weft::feed {
namespace {

api::Problem problem(std::string id, std::string what, int64_t since) {
  return {.id = std::move(id), .what = std::move(what), .since = {since}};
}
std::string tni(int number) { return fmt::format("tni-{:016x}", number); }

TEST(FeedProblems, WhatCanBeInAnAnswerIsTold) {
  api::Problem ended = problem("w-0000000000000001", "ended", 4);
  ended.told = api::Told::InStatus;
  const auto told =
      problems_to_tell({problem("", "the machine's", 1), problem(tni(1), "old", 2), problem(tni(2), "new", 3), ended});
  EXPECT_EQ(told, (std::vector{problem("", "the machine's", 1), problem(tni(2), "new", 3), problem(tni(1), "old", 2)}));
}

TEST(FeedProblems, OfTooManyTheNewestAreToldAndThatThereAreMore) {
  std::vector<api::Problem> all = {problem("", "the machine's", 0)};
  for (int i = 1; i < static_cast<int>(kMostProblems); ++i) all.push_back(problem(tni(i), "no", i));
  EXPECT_EQ(problems_to_tell(all).size(), kMostProblems);
  EXPECT_EQ(problems_to_tell(all).back(), problem(tni(1), "no", 1));
  all.push_back(problem(tni(1000), "no", 1000));
  const auto told = problems_to_tell(all);
  ASSERT_EQ(told.size(), kMostProblems);
  EXPECT_EQ(told[0], all[0]);
  EXPECT_EQ(told[1], all.back());
  EXPECT_EQ(told.back().id, "");
  EXPECT_TRUE(told.back().what.starts_with("more doesn't hold")) << told.back().what;
}

TEST(FeedProblems, TheMostThatCanBeToldFitsAMessage) {
  std::string longest;
  while (longest.size() <= 2 * kMostProblemBytes) longest += "\u2026";
  std::vector<api::Problem> all;
  for (size_t i = 0; i < 2 * kMostProblems; ++i) {
    all.push_back(problem(tni(static_cast<int>(i)), longest, std::numeric_limits<int64_t>::max()));
  }
  const ToControl enforced =
      Enforced{.revision = std::numeric_limits<uint64_t>::max(), .problems = problems_to_tell(all)};
  const std::string& cut = std::get<Enforced>(enforced).problems[0].what;
  EXPECT_LE(cut.size(), kMostProblemBytes);
  EXPECT_TRUE(cut.ends_with("\u2026...")) << cut;
  const auto back = parse_to_control(encode(enforced));
  ASSERT_TRUE(back.ok()) << back.error().what;
  EXPECT_TRUE(*back == enforced);
}

}  // namespace
}  // namespace weft::feed
