#include "workload/backlog.h"

#include <gtest/gtest.h>

#include <string>

namespace weft::workload {
namespace {

std::string text_of(const std::deque<Frame>& frames) {
  std::string text;
  for (const Frame& frame : frames) text += (frame.type == FrameType::Stderr ? "!" : "") + frame.payload;
  return text;
}

TEST(Backlog, GivesWhatCameAfterAPosition) {
  Backlog backlog;
  EXPECT_TRUE(backlog.since(0).empty());
  backlog.append(FrameType::Stdout, "one");
  backlog.append(FrameType::Stdout, "two");
  backlog.append(FrameType::Stderr, "three");
  backlog.append(FrameType::Stdout, "four");
  EXPECT_EQ(backlog.end(), 15u);
  EXPECT_EQ(text_of(backlog.since(0)), "onetwo!threefour");
  EXPECT_EQ(text_of(backlog.since(2)), "etwo!threefour");
  EXPECT_EQ(text_of(backlog.since(6)), "!threefour");
  EXPECT_EQ(text_of(backlog.since(14)), "r");
  EXPECT_TRUE(backlog.since(15).empty());
  EXPECT_TRUE(backlog.since(UINT64_MAX).empty());
}

TEST(Backlog, MayBeginInTheMiddle) {
  Backlog backlog(7);
  backlog.append(FrameType::Stdin, "one");
  EXPECT_EQ(backlog.begin(), 7u);
  EXPECT_EQ(backlog.end(), 10u);
  EXPECT_EQ(text_of(backlog.since(8)), "ne");
}

TEST(Backlog, HoldsTheNewest) {
  Backlog backlog;
  std::string all;
  for (size_t i = 0; all.size() < 3 * kMostBacklogBytes; ++i) {
    const std::string bytes(1 + i * 7919 % 100'000, static_cast<char>('a' + i % 26));
    backlog.append(i % 3 == 0 ? FrameType::Stderr : FrameType::Stdout, bytes);
    all += bytes;
    ASSERT_EQ(backlog.end(), all.size());
    ASSERT_LE(backlog.end() - backlog.begin(), kMostBacklogBytes);
    ASSERT_GE(backlog.end() - backlog.begin(), std::min(all.size(), kMostBacklogBytes - 2 * kStreamChunkBytes));
    std::string held;
    for (const Frame& frame : backlog.since(0)) {
      ASSERT_LE(frame.payload.size(), kStreamChunkBytes);
      held += frame.payload;
    }
    ASSERT_TRUE(held == all.substr(backlog.begin()));
  }
}

TEST(Backlog, PiecesOfAByteCostWhatTheyTake) {
  Backlog backlog;
  for (size_t i = 0; i < kMostBacklogBytes; ++i) {
    backlog.append(i % 2 == 0 ? FrameType::Stderr : FrameType::Stdout, "x");
  }
  EXPECT_EQ(backlog.end(), kMostBacklogBytes);
  EXPECT_LE(backlog.since(0).size(), kMostBacklogBytes / kBacklogFrameBytes);
  EXPECT_GE(backlog.since(0).size(), kMostBacklogBytes / (kBacklogFrameBytes + 2));
}

}  // namespace
}  // namespace weft::workload
