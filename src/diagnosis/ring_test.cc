#include "diagnosis/ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::diagnosis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Numbers as they come; what was lost as its negative count.
std::unique_ptr<RingStream<int, int>> open(const std::shared_ptr<Ring<int>>& ring, bool follow,
                                           std::vector<int> present = {}) {
  return std::make_unique<RingStream<int, int>>(
      ring, Reading<int, int>{.from = ring->begin(),
                              .follow = follow,
                              .show = [](int item) { return item; },
                              .show_lost = [](uint64_t count) { return -static_cast<int>(count); },
                              .present = std::move(present)});
}
std::shared_ptr<Ring<int>> ring_of(size_t most, int count) {
  auto ring = std::make_shared<Ring<int>>(most);
  for (int i = 1; i <= count; ++i) ring->push(i);
  return ring;
}

TEST(Ring, HoldsTheNewest) {
  const auto ring = ring_of(3, 5);
  EXPECT_EQ(ring->begin(), 2u);
  EXPECT_EQ(ring->end(), 5u);
  EXPECT_EQ(ring->at(2), 3);
}

TEST(RingStream, EndsWithWhatWasThereWhenItWasOpened) {
  const auto ring = ring_of(8, 2);
  const auto stream = open(ring, false);
  ring->push(3);
  EXPECT_FALSE(stream->ended());
  EXPECT_THAT(*stream->take(1), ElementsAre(1));
  EXPECT_THAT(*stream->take(9), ElementsAre(2));
  EXPECT_TRUE(stream->ended());
  EXPECT_THAT(*stream->take(9), IsEmpty());
}

TEST(RingStream, ShowsThePresentBetweenPastAndFuture) {
  const auto ring = ring_of(8, 2);
  const auto stream = open(ring, true, {100, 101});
  ring->push(3);
  EXPECT_THAT(*stream->take(3), ElementsAre(1, 2, 100));
  EXPECT_THAT(*stream->take(9), ElementsAre(101, 3));
  EXPECT_FALSE(stream->ended());
}

TEST(RingStream, TellsASlowReaderHowMuchItLost) {
  const auto ring = ring_of(3, 2);
  const auto stream = open(ring, true);
  EXPECT_THAT(*stream->take(1), ElementsAre(1));
  for (int i = 3; i <= 7; ++i) ring->push(i);
  EXPECT_THAT(*stream->take(9), ElementsAre(-1, -2, 5, 6, 7));  // of the past, then of what came
}

TEST(RingStream, TellsALoserThatDoesNotFollow) {
  const auto ring = ring_of(3, 3);
  const auto stream = open(ring, false);
  for (int i = 4; i <= 9; ++i) ring->push(i);
  EXPECT_THAT(*stream->take(9), ElementsAre(-3));
  EXPECT_TRUE(stream->ended());
}

TEST(RingStream, CallsOnceForEachWait) {
  const auto ring = ring_of(3, 0);
  const auto stream = open(ring, true);
  int calls = 0;
  stream->when_ready([&] { ++calls; });
  stream->when_ready([&] { calls += 10; });  // in place of the first
  EXPECT_EQ(calls, 0);
  ring->push(1);
  ring->wake();
  ring->push(2);
  ring->wake();
  EXPECT_EQ(calls, 10);
  stream->when_ready([&] { ++calls; });
  EXPECT_EQ(calls, 11);  // there is something to take
}

TEST(RingStream, AReaderMayGoWhileTheOthersAreTold) {
  const auto ring = ring_of(3, 0);
  auto first = open(ring, true);
  auto second = open(ring, true);
  int calls = 0;
  first->when_ready([&] { second.reset(); });
  second->when_ready([&] { ++calls; });
  ring->push(1);
  ring->wake();
  EXPECT_EQ(calls, 0);
}

TEST(RingStream, AReaderMayWaitAgainWhileItIsTold) {
  const auto ring = ring_of(3, 0);
  const auto stream = open(ring, true);
  int calls = 0;
  std::function<void()> read = [&] {
    ++calls;
    ASSERT_TRUE(stream->take(9).ok());
    stream->when_ready(read);
  };
  stream->when_ready(read);
  for (int i = 1; i <= 3; ++i) {
    ring->push(i);
    ring->wake();
  }
  EXPECT_EQ(calls, 3);
}

TEST(RingStream, OutlivesTheOwnerOfTheRing) {
  auto ring = ring_of(3, 2);
  const auto stream = open(ring, true);
  ring.reset();
  EXPECT_THAT(*stream->take(9), ElementsAre(1, 2));
}

}  // namespace
}  // namespace weft::diagnosis
