#include "reconcile/backoff.h"

#include <gtest/gtest.h>

namespace weft::reconcile {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToTheLongest) {
  Backoff backoff({.first = 100ms, .longest = 350ms});
  EXPECT_EQ(backoff.next(), 100ms);
  EXPECT_EQ(backoff.next(), 200ms);
  EXPECT_EQ(backoff.next(), 350ms);
  EXPECT_EQ(backoff.next(), 350ms);
}

TEST(Backoff, StartsFromTheFirstAfterSuccess) {
  Backoff backoff({.first = 1s, .longest = 60s});
  (void)backoff.next();
  (void)backoff.next();
  backoff.reset();
  EXPECT_EQ(backoff.next(), 1s);
}

}  // namespace
}  // namespace weft::reconcile
