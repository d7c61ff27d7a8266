#include "store/store.h"

#include <gtest/gtest.h>

#include "store/testing.h"

namespace weft::store {
namespace {

using base::Code;
using testing::Folder;

std::vector<Entry> entries(Revision first, size_t count) {
  std::vector<Entry> all;
  for (size_t i = 0; i < count; ++i) all.push_back({first + i, fmt::format("entry {}", first + i)});
  return all;
}

class StoreTest : public ::testing::Test {
 protected:
  Options options() const { return {.path = folder_.path("store.db"), .cluster = "cluster-a", .kept_entries = 3}; }
  void SetUp() override {
    auto made = create_sqlite(options());
    ASSERT_TRUE(made.ok()) << made.error().what;
    store_ = *std::move(made);
  }
  void reopen() {
    store_.reset();
    auto opened = open_sqlite(options());
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    store_ = *std::move(opened);
  }

  Folder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ANewOneIsEmpty) {
  EXPECT_EQ(store_->cluster(), "cluster-a");
  EXPECT_EQ(store_->head(), 0u);
  EXPECT_EQ(store_->oldest(), 1u);
  EXPECT_TRUE(store_->read(1, 100)->empty());
  EXPECT_EQ(*store_->latest_snapshot(), std::nullopt);
  EXPECT_EQ(store_->get("name"), std::nullopt);
}

TEST_F(StoreTest, KeepsWhatWasAppendedInOrder) {
  ASSERT_TRUE(store_->append(entries(1, 5)).ok());
  ASSERT_TRUE(store_->append(entries(6, 1)).ok());
  ASSERT_TRUE(store_->append({}).ok());
  reopen();
  EXPECT_EQ(store_->head(), 6u);
  EXPECT_EQ(*store_->read(1, 100), entries(1, 6));
  EXPECT_EQ(*store_->read(3, 2), entries(3, 2));
  EXPECT_TRUE(store_->read(7, 2)->empty());
  EXPECT_TRUE(store_->read(1, 0)->empty());
}

TEST_F(StoreTest, BytesAreOpaque) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::vector<Entry> odd = {{1, ""}, {2, all}, {3, std::string(1, '\0')}};
  ASSERT_TRUE(store_->append(odd).ok());
  ASSERT_TRUE(store_->snapshot({3, all}).ok());
  ASSERT_TRUE(store_->put(all.substr(0, 100), all).ok());
  reopen();
  EXPECT_EQ(*store_->read(1, 3), odd);
  EXPECT_EQ((*store_->latest_snapshot())->bytes, all);
  EXPECT_EQ(store_->get(all.substr(0, 100)), all);
}

TEST_F(StoreTest, AppendComparesWithTheHead) {
  ASSERT_TRUE(store_->append(entries(1, 2)).ok());
  EXPECT_EQ(store_->append(entries(2, 1)).error().code, Code::Conflict);
  EXPECT_EQ(store_->append(entries(4, 1)).error().code, Code::Conflict);
  EXPECT_EQ(store_->append(entries(0, 1)).error().code, Code::Conflict);
  const std::vector<Entry> gap = {{3, "a"}, {5, "b"}};
  EXPECT_EQ(store_->append(gap).error().code, Code::Usage);
  EXPECT_EQ(*store_->read(1, 100), entries(1, 2));
}

TEST_F(StoreTest, ReadStopsAtItsLimitOfBytesButAlwaysGivesOne) {
  const std::string big(kMaxEntryBytes, 'x');
  for (Revision revision = 1; revision <= 6; ++revision) {
    const std::vector<Entry> one = {{revision, big}};
    ASSERT_TRUE(store_->append(one).ok());
  }
  EXPECT_EQ(store_->read(1, 100)->size(), kMaxReadBytes / kMaxEntryBytes);
  EXPECT_EQ(store_->read(6, 100)->size(), 1u);
  const std::vector<Entry> too_big = {{7, big + "x"}};
  EXPECT_EQ(store_->append(too_big).error().code, Code::Limit);
  EXPECT_EQ(store_->head(), 6u);
}

TEST_F(StoreTest, ASnapshotReplacesTheOlderOneAndTrimsTheLog) {
  ASSERT_TRUE(store_->append(entries(1, 10)).ok());
  ASSERT_TRUE(store_->snapshot({2, "state 2"}).ok());  // three entries are kept, so none goes
  EXPECT_EQ(store_->oldest(), 1u);
  ASSERT_TRUE(store_->snapshot({8, "state 8"}).ok());
  reopen();
  EXPECT_EQ(*store_->latest_snapshot(), (Snapshot{8, "state 8"}));
  EXPECT_EQ(store_->oldest(), 6u);
  EXPECT_EQ(*store_->read(6, 100), entries(6, 5));
  EXPECT_EQ(store_->read(5, 100).error().code, Code::NotFound);
  EXPECT_EQ(store_->snapshot({7, "older"}).error().code, Code::Conflict);
  EXPECT_EQ(store_->snapshot({11, "of the future"}).error().code, Code::Conflict);
  EXPECT_EQ(store_->snapshot({0, "of nothing"}).error().code, Code::Conflict);
  ASSERT_TRUE(store_->snapshot({8, "state 8 again"}).ok());
  EXPECT_EQ((*store_->latest_snapshot())->bytes, "state 8 again");
}

TEST(Store, MayKeepNoEntryBehindASnapshot) {
  const Folder folder;
  const Options options{.path = folder.path("store.db"), .cluster = "c", .kept_entries = 0};
  auto store = create_sqlite(options);
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store)->append(entries(1, 4)).ok());
  ASSERT_TRUE((*store)->snapshot({4, "state"}).ok());
  store = Error{};
  store = open_sqlite(options);
  ASSERT_TRUE(store.ok()) << store.error().what;
  EXPECT_EQ((*store)->oldest(), 5u);
  EXPECT_TRUE((*store)->read(5, 10)->empty());
  ASSERT_TRUE((*store)->append(entries(5, 1)).ok());
  EXPECT_EQ(*(*store)->read(5, 10), entries(5, 1));
}

TEST_F(StoreTest, NamedValues) {
  ASSERT_TRUE(store_->put("a", "1").ok());
  ASSERT_TRUE(store_->put("b", "").ok());
  ASSERT_TRUE(store_->put("a", "2").ok());
  reopen();
  EXPECT_EQ(store_->get("a"), "2");
  EXPECT_EQ(store_->get("b"), "");
  EXPECT_EQ(store_->get("c"), std::nullopt);
  EXPECT_EQ(store_->put("", "x").error().code, Code::Limit);
  EXPECT_EQ(store_->put(std::string(kMaxNameBytes + 1, 'n'), "x").error().code, Code::Limit);
  EXPECT_EQ(store_->put("x", std::string(kMaxValueBytes + 1, 'v')).error().code, Code::Limit);
  for (size_t i = 2; i < kMaxValues; ++i) ASSERT_TRUE(store_->put(fmt::format("n{}", i), "v").ok());
  EXPECT_EQ(store_->put("one more", "v").error().code, Code::Limit);
  EXPECT_TRUE(store_->put("a", "3").ok());
}

TEST_F(StoreTest, CreateNeverReplaces) {
  EXPECT_EQ(create_sqlite(options()).error().code, Code::Conflict);
  ASSERT_TRUE(store_->append(entries(1, 1)).ok());
  store_.reset();
  EXPECT_EQ(create_sqlite(options()).error().code, Code::Conflict);
  reopen();
  EXPECT_EQ(store_->head(), 1u);
}

TEST_F(StoreTest, OpenChecksTheCluster) {
  store_.reset();
  Options other = options();
  other.cluster = "cluster-b";
  const auto refused = open_sqlite(other);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::Conflict);
  EXPECT_EQ(refused.error().holder, "cluster-a");
  other.cluster = "";
  const auto any = open_sqlite(other);
  ASSERT_TRUE(any.ok());
  EXPECT_EQ((*any)->cluster(), "cluster-a");
  other.path = folder_.path("new.db");
  EXPECT_EQ(create_sqlite(other).error().code, Code::Usage);
}

TEST_F(StoreTest, OneAtATimeMayHaveItOpen) {
  const auto second = open_sqlite(options());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::Conflict);
  EXPECT_THAT(second.error().what, ::testing::HasSubstr("another process"));
  EXPECT_TRUE(store_->append(entries(1, 1)).ok());
}

}  // namespace
}  // namespace weft::store
