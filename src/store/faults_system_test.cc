// Every single write, flush and truncation of the store fails once, and power is cut at each of them: what was
// acknowledged stays, nothing is there in part, and no failure is taken for success.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/rng.h"
#include "store/faulty_disk.h"
#include "store/store.h"
#include "store/testing.h"

namespace weft::store {
namespace {

using base::Code;
using testing::disk;
using testing::FaultyDisk;
using testing::Folder;

Options options(const Folder& folder) { return {.path = folder.path("store.db"), .cluster = "c", .kept_entries = 12}; }

// Some of everything, going on after errors. Keeps disk.acknowledged up to date; returns what succeeded.
std::vector<bool> use(Store& store) {
  std::vector<bool> succeeded;
  for (int i = 0; i < 12; ++i) {
    succeeded.push_back(store.append(testing::batch_after(store.head())).ok());
    disk.acknowledged = store.head();
    if (i % 4 == 3) {
      succeeded.push_back(store.snapshot(testing::snapshot_at(store.head())).ok());
      succeeded.push_back(store.put("n", "v").ok());
    }
  }
  return succeeded;
}

struct Case {
  int error_number;
  FaultyDisk::Then then;
};

class FaultTest : public ::testing::TestWithParam<Case> {
 protected:
  ~FaultTest() override { disk.repair(); }
  // Lets the n-th call fail during use; returns whether there were so many.
  bool fail_during_use(uint64_t n) {
    const Folder folder;
    disk.acknowledged = 0;
    disk.forget_failure();
    auto store = create_sqlite(options(folder));
    EXPECT_TRUE(store.ok());
    disk.fail(n, GetParam().error_number, GetParam().then);
    const std::vector<bool> succeeded = use(**store);
    if (GetParam().error_number == EIO) {
      // Once it is open what the disk holds, nothing succeeds any more, even if the disk says that it works again.
      EXPECT_TRUE(std::is_sorted(succeeded.rbegin(), succeeded.rend()));
    }
    if (GetParam().then == FaultyDisk::Then::StaysBroken && disk.has_failed()) {
      EXPECT_EQ((*store)->put("n", "v").error().code, Code::Unavailable);
    }
    store = Error{};
    disk.repair();
    expect_whole(folder);
    return disk.has_failed();
  }
  void expect_whole(const Folder& folder) {
    const auto store = open_sqlite(options(folder));
    ASSERT_TRUE(store.ok()) << store.error().what;
    EXPECT_GE((*store)->head(), disk.acknowledged);
    // A batch whose flush failed may be there after all: that is what "doubtful" says.
    EXPECT_LE((*store)->head(), disk.acknowledged + testing::kBatch);
    EXPECT_EQ(testing::fault_in(**store), "");
    EXPECT_TRUE((*store)->append(testing::batch_after((*store)->head())).ok());
  }
};

TEST_P(FaultTest, AnyOneCallFailsDuringUse) {
  uint64_t n = 0;
  while (fail_during_use(n)) {
    ASSERT_FALSE(HasFailure()) << "call " << n;
    ++n;
  }
  EXPECT_GT(n, 100u);
}

TEST_P(FaultTest, AnyOneCallFailsDuringCreation) {
  uint64_t n = 0;
  for (;; ++n) {
    const Folder folder;
    disk.forget_failure();
    disk.fail(n, GetParam().error_number, GetParam().then);
    auto made = create_sqlite(options(folder));
    disk.repair();
    if (!made.ok()) {
      ASSERT_TRUE(made.error().code == Code::Unavailable || made.error().code == Code::Failed) << made.error().what;
      made = Error{};
      made = open_sqlite(options(folder));
      if (!made.ok()) {
        ASSERT_EQ(made.error().code, Code::NotFound) << "call " << n << ": " << made.error().what;
        made = create_sqlite(options(folder));
      }
    }
    ASSERT_TRUE(made.ok()) << "call " << n << ": " << made.error().what;
    if (!disk.has_failed()) break;
  }
  EXPECT_GT(n, 5u);
}

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  const bool once = info.param.then == FaultyDisk::Then::Recovers;
  return fmt::format("{}{}", strerrorname_np(info.param.error_number), once ? "Once" : "ForGood");
}

INSTANTIATE_TEST_SUITE_P(All, FaultTest,
                         ::testing::Values(Case{EIO, FaultyDisk::Then::Recovers},
                                           Case{EIO, FaultyDisk::Then::StaysBroken},
                                           Case{ENOSPC, FaultyDisk::Then::Recovers},
                                           Case{ENOSPC, FaultyDisk::Then::StaysBroken},
                                           Case{EROFS, FaultyDisk::Then::StaysBroken}),
                         name_of);

TEST(PowerCut, AtAnyInstantNothingAcknowledgedIsLost) {
  const Folder folder;
  disk.acknowledged = 0;
  auto store = create_sqlite(options(folder));
  ASSERT_TRUE(store.ok());
  disk.cut_power_in(std::filesystem::path(folder.path("x")).parent_path());
  use(**store);
  store = Error{};
  store = open_sqlite(options(folder));
  ASSERT_TRUE(store.ok());
  use(**store);
  store = Error{};
  const std::vector<testing::PowerCut> cuts = disk.stop_cutting();
  ASSERT_GT(cuts.size(), 200u);

  base::Rng rng(5);
  for (const testing::PowerCut& cut : cuts) {
    for (int variant = 0; variant < 2; ++variant) {
      const Folder left;
      for (const auto& [name, bytes] : testing::after(cut, rng)) testing::replace_contents(left.path(name), bytes);
      const auto found = open_sqlite(options(left));
      ASSERT_TRUE(found.ok()) << found.error().what << " (cut " << &cut - cuts.data() << ")";
      ASSERT_GE((*found)->head(), cut.acknowledged);
      ASSERT_LE((*found)->head(), cut.acknowledged + testing::kBatch);
      ASSERT_EQ(testing::fault_in(**found), "");
    }
  }
}

}  // namespace
}  // namespace weft::store
