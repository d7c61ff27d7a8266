#include "store/writer.h"

#include <gtest/gtest.h>

#include <chrono>

#include "store/testing.h"

namespace weft::store {
namespace {

using base::Code;
using namespace std::chrono_literals;

// The loop's side: runs on the test's thread what the writer posts.
class FakeLoop {
 public:
  Writer::Post post() {
    return [this](std::function<void()> function) {
      const std::lock_guard lock(mutex_);
      posted_.push_back(std::move(function));
      wake_.notify_one();
    };
  }
  // Whether `reached` became true before the deadline.
  bool run_until(const std::function<bool()>& reached) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!reached()) {
      std::unique_lock lock(mutex_);
      if (!wake_.wait_until(lock, deadline, [this] { return !posted_.empty(); })) return false;
      const auto function = std::move(posted_.front());
      posted_.pop_front();
      lock.unlock();
      function();
    }
    return true;
  }
  void run_posted() {
    while (!posted_.empty()) {
      posted_.front()();
      posted_.pop_front();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> posted_;
};

// A store in memory that can be held up, can be told to fail, and remembers its transactions.
class FakeStore final : public Store {
 public:
  const std::string& cluster() const override { return cluster_; }
  Revision head() const override { return head_; }
  Revision oldest() const override { return 1; }
  Result<> append(std::span<const Entry> entries) override {
    std::unique_lock lock(mutex_);
    ++entered_;
    wake_.notify_all();
    wake_.wait(lock, [this] { return open_; });
    if (failure_) return *failure_;
    if (entries.front().revision != head_ + 1) return base::error(Code::Conflict, "not the next");
    head_ = entries.back().revision;
    transactions_.push_back(entries.size());
    return {};
  }
  Result<std::vector<Entry>> read(Revision, size_t) const override { return std::vector<Entry>(); }
  Result<> snapshot(const Snapshot& snapshot) override {
    const std::lock_guard lock(mutex_);
    snapshot_ = snapshot.revision;
    return {};
  }
  Result<std::optional<Snapshot>> latest_snapshot() const override { return std::optional<Snapshot>(); }
  Result<> put(std::string_view name, std::string_view) override { return base::error(Code::Failed, "no {}", name); }
  std::optional<std::string> get(std::string_view) const override { return {}; }

  void shut() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    wake_.notify_all();
  }
  void fail(std::optional<Error> failure) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
  }
  void wait_until_entered(int times) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(wake_.wait_for(lock, 30s, [&] { return entered_ >= times; }));
  }
  std::vector<size_t> transactions() {
    const std::lock_guard lock(mutex_);
    return transactions_;
  }
  Revision snapshot_revision() {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }

 private:
  std::string cluster_ = "fake";
  std::mutex mutex_;
  std::condition_variable wake_;
  bool open_ = true;
  int entered_ = 0;
  std::optional<Error> failure_;
  Revision head_ = 0;
  Revision snapshot_ = 0;
  std::vector<size_t> transactions_;
};

class WriterTest : public ::testing::Test {
 protected:
  // Queues one batch of one entry; its outcome is noted under its revision.
  Result<> append(Writer& writer, Revision revision, size_t bytes = 1) {
    return writer.append({{revision, std::string(bytes, 'x')}}, note(revision));
  }
  Writer::Done note(Revision revision) {
    return [this, revision](Result<> outcome) {
      outcomes_.push_back(fmt::format("{} {}", revision, outcome.ok() ? "done" : name_of(outcome.error().code)));
    };
  }
  bool wait_for(size_t count) {
    return loop_.run_until([&] { return outcomes_.size() >= count; });
  }

  FakeLoop loop_;
  FakeStore store_;
  std::vector<std::string> outcomes_;
};

TEST_F(WriterTest, WhatWaitsBecomesOneTransaction) {
  Writer writer(store_, loop_.post());
  store_.shut();
  ASSERT_TRUE(append(writer, 1).ok());
  store_.wait_until_entered(1);
  for (Revision revision = 2; revision <= 9; ++revision) ASSERT_TRUE(append(writer, revision).ok());
  store_.open();
  ASSERT_TRUE(wait_for(9));
  EXPECT_EQ(store_.transactions(), (std::vector<size_t>{1, 8}));
  EXPECT_EQ(outcomes_.front(), "1 done");
  EXPECT_EQ(outcomes_.back(), "9 done");
}

TEST_F(WriterTest, ATransactionHasALimit) {
  Writer writer(store_, loop_.post());
  store_.shut();
  ASSERT_TRUE(append(writer, 1).ok());
  store_.wait_until_entered(1);
  for (Revision revision = 2; revision <= 5; ++revision) {
    ASSERT_TRUE(append(writer, revision, kMaxTransactionBytes / 3).ok());
  }
  store_.open();
  ASSERT_TRUE(wait_for(5));
  EXPECT_EQ(store_.transactions(), (std::vector<size_t>{1, 2, 2}));
}

TEST_F(WriterTest, AfterAFailureAllThatWasQueuedFailsInOrderUntilResumed) {
  Writer writer(store_, loop_.post());
  ASSERT_TRUE(append(writer, 1).ok());
  ASSERT_TRUE(wait_for(1));
  store_.fail(base::error(Code::Unavailable, "the disk is full"));
  ASSERT_TRUE(append(writer, 2).ok());
  ASSERT_TRUE(wait_for(2));
  store_.fail(std::nullopt);
  ASSERT_TRUE(append(writer, 3).ok());
  ASSERT_TRUE(append(writer, 4).ok());
  writer.resume();
  writer.resume();
  ASSERT_TRUE(append(writer, 2).ok());
  ASSERT_TRUE(wait_for(5));
  EXPECT_EQ(outcomes_,
            (std::vector<std::string>{"1 done", "2 unavailable", "3 unavailable", "4 unavailable", "2 done"}));
  EXPECT_EQ(store_.transactions(), (std::vector<size_t>{1, 1}));
}

TEST_F(WriterTest, ABatchThatDoesNotFollowFailsWithItsNeighbours) {
  Writer writer(store_, loop_.post());
  ASSERT_TRUE(append(writer, 2).ok());
  ASSERT_TRUE(append(writer, 3).ok());
  ASSERT_TRUE(wait_for(2));
  EXPECT_EQ(outcomes_, (std::vector<std::string>{"2 conflict", "3 conflict"}));
}

TEST_F(WriterTest, SnapshotsAndValuesKeepTheirPlaceAndFailForThemselves) {
  Writer writer(store_, loop_.post());
  ASSERT_TRUE(append(writer, 1).ok());
  ASSERT_TRUE(writer.put("name", "value", note(100)).ok());
  ASSERT_TRUE(append(writer, 2).ok());
  ASSERT_TRUE(writer.snapshot({2, "state"}, note(101)).ok());
  ASSERT_TRUE(wait_for(4));
  EXPECT_EQ(outcomes_, (std::vector<std::string>{"1 done", "100 failed", "2 done", "101 done"}));
  EXPECT_EQ(store_.snapshot_revision(), 2u);
}

TEST_F(WriterTest, AFullQueueRefuses) {
  Writer writer(store_, loop_.post());
  store_.shut();
  ASSERT_TRUE(append(writer, 1).ok());
  store_.wait_until_entered(1);
  for (size_t i = 0; i < kMaxQueuedJobs; ++i) ASSERT_TRUE(append(writer, 2 + i).ok());
  const Result<> refused = append(writer, 2 + kMaxQueuedJobs);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::Limit);
  store_.open();
  ASSERT_TRUE(wait_for(1 + kMaxQueuedJobs));
  EXPECT_EQ(outcomes_.size(), 1 + kMaxQueuedJobs);
  EXPECT_TRUE(append(writer, 2 + kMaxQueuedJobs).ok());
}

TEST_F(WriterTest, AQueueFullOfBytesRefusesButTakesOneOfAnySizeWhenEmpty) {
  Writer writer(store_, loop_.post());
  store_.shut();
  ASSERT_TRUE(append(writer, 1).ok());
  store_.wait_until_entered(1);
  ASSERT_TRUE(writer.snapshot({1, std::string(kMaxQueuedBytes + 1, 's')}, note(100)).ok());
  EXPECT_EQ(append(writer, 2).error().code, Code::Limit);
  store_.open();
  ASSERT_TRUE(wait_for(2));
  EXPECT_TRUE(append(writer, 2).ok());
}

TEST_F(WriterTest, ItsEndFinishesWhatIsQueued) {
  {
    Writer writer(store_, loop_.post());
    store_.shut();
    for (Revision revision = 1; revision <= 5; ++revision) ASSERT_TRUE(append(writer, revision).ok());
    store_.open();
  }
  loop_.run_posted();
  EXPECT_EQ(outcomes_.size(), 5u);
  EXPECT_EQ(store_.head(), 5u);
}

TEST_F(WriterTest, CommitsToTheRealStore) {
  const testing::Folder folder;
  const Options options{.path = folder.path("store.db"), .cluster = "c"};
  auto store = create_sqlite(options);
  ASSERT_TRUE(store.ok());
  {
    Writer writer(**store, loop_.post());
    for (Revision revision = 1; revision <= 500; ++revision) {
      ASSERT_TRUE(append(writer, revision).ok());
      if (revision % 100 == 0) {
        ASSERT_TRUE(wait_for(revision));
        EXPECT_GE((*store)->head(), revision);  // read while the writer may be committing
      }
    }
    ASSERT_TRUE(wait_for(500));
  }
  EXPECT_EQ((*store)->read(1, 1000)->size(), 500u);
}

}  // namespace
}  // namespace weft::store
