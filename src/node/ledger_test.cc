#include "node/ledger.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "schema/command.h"

namespace weft::node {
namespace {

// The loop is the test: what the disk has answered is heard when it says so.
class LedgerTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/weft-ledger-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    auto opened = Ledger::open({.directory = folder_}, [this](std::function<void()> run) { post(std::move(run)); },
                               {.changed = [](const model::Changes&) {},
                                .durable =
                                    [this](const store::Entry& entry, const model::Changes& changes) {
                                      EXPECT_EQ(changes.size(), 1u);
                                      told_.push_back(fmt::format("durable {}", entry.revision));
                                      entries_.push_back(entry);
                                    }});
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    ledger_ = *std::move(opened);
  }
  void TearDown() override {
    ledger_.reset();
    std::filesystem::remove_all(folder_);
  }
  void post(std::function<void()> run) {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(run));
    arrived_.notify_one();
  }
  void put(const std::string& name) {
    const model::PrefixList list{
        .id = model::PrefixListId::make(rng_), .name = name, .prefixes = {*net::Prefix::parse("192.0.2.0/24")}};
    const auto accepted = ledger_->commit({.at = {1}, .actor = "test", .operations = {model::Put{list}}},
                                          [this](const Result<uint64_t>& revision) {
                                            ASSERT_TRUE(revision.ok());
                                            told_.push_back(fmt::format("done {}", *revision));
                                          });
    ASSERT_TRUE(accepted.ok());
  }
  void hear_until(uint64_t revision) {
    while (ledger_->revision() < revision) {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return !posted_.empty(); });
      const auto run = std::move(posted_.front());
      posted_.pop_front();
      lock.unlock();
      run();
    }
  }

  base::Rng rng_{1};
  std::string folder_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> posted_;
  std::unique_ptr<Ledger> ledger_;
  std::vector<std::string> told_;
  std::vector<store::Entry> entries_;
};

TEST_F(LedgerTest, AnEntryIsHandedOutWhenItIsDurableAndBeforeItsAnswer) {
  put("a");
  put("b");
  EXPECT_TRUE(told_.empty());
  hear_until(2);
  EXPECT_EQ(told_, (std::vector<std::string>{"durable 1", "done 1", "durable 2", "done 2"}));
  EXPECT_EQ(ledger_->entries_behind(0, 10), entries_);
  EXPECT_EQ(ledger_->entries_behind(1, 1), std::vector{entries_[1]});
  EXPECT_EQ(ledger_->entries_behind(2, 1), std::vector<store::Entry>());
  EXPECT_FALSE(ledger_->entries_behind(0, 1));
  EXPECT_FALSE(ledger_->entries_behind(3, 10));
}

TEST_F(LedgerTest, WhatIsNotDurableYetIsInTheStateAndNotInItsCopy) {
  put("a");
  hear_until(1);
  put("b");
  EXPECT_EQ(ledger_->state().all<model::PrefixList>().size(), 2u);
  EXPECT_EQ(ledger_->durable_objects().size(), 1u);
  hear_until(2);
  EXPECT_EQ(ledger_->durable_objects(), ledger_->state().objects());
}

}  // namespace
}  // namespace weft::node
