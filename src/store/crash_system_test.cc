// A process that writes is killed at any instant, again and again: what it was
// told is done is there, and nothing is there in part.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "base/rng.h"
#include "store/child.h"
#include "store/files.h"
#include "store/store.h"
#include "store/testing.h"
#include "store/writer.h"

namespace weft::store {
namespace {

using testing::Child;
using testing::Folder;

constexpr Revision kInFlight = 8 * testing::kBatch;  // so that transactions of several batches occur

Options options(const Folder& folder) { return {.path = folder.path("store.db"), .cluster = "c", .kept_entries = 60}; }

// Appends until killed, through a Writer, and writes the head to the pipe whenever that is acknowledged.
class Appender {
 public:
  Appender(Store& store, int pipe)
      : pipe_(pipe), queued_(store.head()), acknowledged_(store.head()), writer_(store, run_at_once()) {}

  [[noreturn]] void run() {
    while (true) {
      queued_ += testing::kBatch;
      append(queued_);
      if (queued_ % 30 == 0) snapshot(queued_ - 30);
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return queued_ - acknowledged_ < kInFlight; });
    }
  }

 private:
  static Writer::Post run_at_once() {
    return [](const std::function<void()>& function) { function(); };
  }
  void append(Revision last) {
    const auto done = [this, last](const Result<>& outcome) {
      CHECK(outcome.ok());
      CHECK(write(pipe_, &last, sizeof last) == sizeof last);
      const std::lock_guard lock(mutex_);
      acknowledged_ = last;
      wake_.notify_one();
    };
    CHECK(writer_.append(testing::batch_after(last - testing::kBatch), done).ok());
  }
  void snapshot(Revision revision) {
    if (revision == 0) return;
    CHECK(writer_.snapshot(testing::snapshot_at(revision), [](const Result<>& outcome) { CHECK(outcome.ok()); }).ok());
  }

  const int pipe_;
  Revision queued_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Revision acknowledged_;
  Writer writer_;
};

void append_for_ever(const Options& options, int pipe) {
  auto store = open_sqlite(options);
  if (!store.ok() && store.error().code == base::Code::NotFound) store = create_sqlite(options);
  if (!store.ok()) fprintf(stderr, "%s\n", store.error().what.c_str());
  CHECK(store.ok());
  Appender(**store, pipe).run();
}

// Reads what the child acknowledges, and kills it in the middle of that.
Revision kill_at_random(Child& child, base::Rng& rng) {
  Revision last = 0;
  for (uint64_t left = rng.below(30); left > 0; --left) {
    CHECK(read(child.pipe(), &last, sizeof last) == sizeof last);
  }
  std::this_thread::sleep_for(std::chrono::microseconds(rng.below(5000)));  // the instant is what this test is about
  child.kill_now();
  child.wait();
  while (read(child.pipe(), &last, sizeof last) == sizeof last) continue;
  return last;
}

TEST(Crash, NothingAcknowledgedIsLostAndNothingIsThereInPart) {
  const Folder folder;
  base::Rng rng(11);
  Revision acknowledged = 0, most = 0;
  for (int round = 0; round < 200; ++round) {
    {
      Child child([&](int pipe) { append_for_ever(options(folder), pipe); });
      const Revision told = kill_at_random(child, rng);
      acknowledged = std::max(acknowledged, told);
      most = (told != 0 ? told : most) + kInFlight + testing::kBatch;
    }
    if (round % 3 == 0) continue;  // leave what is there to the next child, without our own open and close
    auto store = open_sqlite(options(folder));
    if (!store.ok() && acknowledged == 0) continue;  // killed while it was made
    ASSERT_TRUE(store.ok()) << round << ": " << store.error().what;
    ASSERT_GE((*store)->head(), acknowledged) << round;
    ASSERT_LE((*store)->head(), most) << round;
    ASSERT_EQ(testing::fault_in(**store), "") << round;
    acknowledged = most = (*store)->head();
  }
  EXPECT_GT(acknowledged, 600u);
}

// How long it takes to make a store here, for a kill to fall into it.
std::chrono::nanoseconds time_to_create() {
  const Folder folder;
  const auto start = std::chrono::steady_clock::now();
  Child child([&](int) { CHECK(create_sqlite(options(folder)).ok()); });
  CHECK(child.wait() == 0);
  return std::chrono::steady_clock::now() - start;
}

TEST(Crash, AStoreInTheMakingIsThereWholeOrNotAtAll) {
  base::Rng rng(12);
  int unfinished = 0;
  const auto longest = static_cast<uint64_t>(3 * time_to_create().count());
  for (int round = 0; round < 100; ++round) {
    const Folder folder;
    {
      Child child([&](int pipe) {
        CHECK(write(pipe, "x", 1) == 1);
        CHECK(create_sqlite(options(folder)).ok());
      });
      char started;
      CHECK(read(child.pipe(), &started, 1) == 1);
      std::this_thread::sleep_for(std::chrono::nanoseconds(rng.below(longest)));
      child.kill_now();
      child.wait();
    }
    auto store = open_sqlite(options(folder));
    if (!store.ok()) {
      ASSERT_EQ(store.error().code, base::Code::NotFound) << store.error().what;
      ++unfinished;
      store = create_sqlite(options(folder));
    }
    ASSERT_TRUE(store.ok()) << store.error().what;
    ASSERT_TRUE((*store)->append(testing::batch_after(0)).ok());
  }
  EXPECT_GT(unfinished, 0);
  EXPECT_LT(unfinished, 100);
}

TEST(Crash, AnotherProcessFindsItLockedUntilTheFirstIsGone) {
  const Folder folder;
  Child child([&](int pipe) { append_for_ever(options(folder), pipe); });
  Revision first;
  CHECK(read(child.pipe(), &first, sizeof first) == sizeof first);
  const auto locked = open_sqlite(options(folder));
  ASSERT_FALSE(locked.ok());
  EXPECT_EQ(locked.error().code, base::Code::Conflict) << locked.error().what;
  child.kill_now();
  child.wait();
  EXPECT_TRUE(open_sqlite(options(folder)).ok());
}

}  // namespace
}  // namespace weft::store
