// Full and read-only disks: small file systems in a mount namespace of their own.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include "store/child.h"
#include "store/store.h"
#include "store/testing.h"

namespace weft::store {
namespace {

using base::Code;
using testing::Folder;
using ::testing::HasSubstr;

// Mounts a tmpfs where only this process sees it.
void mount_small(const std::string& where, const char* options) {
  ASSERT_EQ(unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  ASSERT_EQ(mount("tmpfs", where.c_str(), "tmpfs", 0, options), 0);
}

Options options(const Folder& folder) {
  return {.path = folder.path("store.db"), .cluster = "c", .kept_entries = 1000};
}

// Appends until it fails, and says how that was.
Error fill(Store& store) {
  for (int i = 0; i < 100'000; ++i) {
    const Result<> appended = store.append(testing::batch_after(store.head()));
    if (!appended.ok()) return appended.error();
  }
  return {};
}

void full_disk(const Folder& folder) {
  mount_small(folder.path(""), "size=2m");
  const std::string ballast = folder.path("ballast");
  testing::replace_contents(ballast, std::string(1 << 20, 'b'));
  auto store = create_sqlite(options(folder));
  ASSERT_TRUE(store.ok()) << store.error().what;
  const Error full = fill(**store);
  EXPECT_EQ(full.code, Code::Unavailable) << full.what;
  EXPECT_THAT(full.what, HasSubstr("disk is full"));
  EXPECT_THAT(full.what, HasSubstr(options(folder).path));
  const Revision head = (*store)->head();
  EXPECT_GT(head, 0u);
  EXPECT_EQ(testing::fault_in(**store), "");
  EXPECT_EQ((*store)->append(testing::batch_after(head)).error().code, Code::Unavailable);

  store = Error{};
  store = open_sqlite(options(folder));  // also with a full disk
  ASSERT_TRUE(store.ok()) << store.error().what;
  EXPECT_EQ((*store)->head(), head);
  const Error full_again = fill(**store);
  EXPECT_EQ(full_again.code, Code::Unavailable) << full_again.what;

  std::filesystem::remove(ballast);
  EXPECT_TRUE((*store)->append(testing::batch_after((*store)->head())).ok());  // nothing need be opened again
  EXPECT_GT((*store)->head(), head);
  EXPECT_EQ(testing::fault_in(**store), "");
}

TEST(Mounts, AFullDiskIsRefusedAndRecoversWhenThereIsSpace) {
  const Folder folder;
  testing::in_child([&] { full_disk(folder); });
}

void create_without_space(const Folder& folder) {
  mount_small(folder.path(""), "size=64k");
  testing::replace_contents(folder.path("ballast"), std::string(64 << 10, 'b'));
  EXPECT_EQ(create_sqlite(options(folder)).error().code, Code::Unavailable);
  for (size_t size = 64 << 10; size > 0; size -= 4096) {
    testing::replace_contents(folder.path("ballast"), std::string(size, 'b'));
    const auto made = create_sqlite(options(folder));
    if (made.ok()) return;
    EXPECT_EQ(made.error().code, Code::Unavailable) << made.error().what;
    // Made, but no room for the mark: then it is whole, and opens once there is.
    if (std::filesystem::exists(options(folder).path)) {
      std::filesystem::remove(folder.path("ballast"));
      EXPECT_TRUE(open_sqlite(options(folder)).ok());
      return;
    }
    EXPECT_FALSE(std::filesystem::exists(options(folder).path + "-new"));
  }
  FAIL() << "never enough space";
}

TEST(Mounts, CreatingOnAFullDiskLeavesNothing) {
  const Folder folder;
  testing::in_child([&] { create_without_space(folder); });
}

void read_only_disk(const Folder& folder) {
  mount_small(folder.path(""), "size=2m");
  {
    auto store = create_sqlite(options(folder));
    ASSERT_TRUE(store.ok()) << store.error().what;
    ASSERT_TRUE((*store)->append(testing::batch_after(0)).ok());
  }
  ASSERT_EQ(mount(nullptr, folder.path("").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0) << strerror(errno);
  const auto refused = open_sqlite(options(folder));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::Unavailable) << refused.error().what;
  EXPECT_THAT(refused.error().what, HasSubstr("read-only"));
  Options other = options(folder);
  other.path += "2";
  EXPECT_EQ(create_sqlite(other).error().code, Code::Unavailable);
  ASSERT_EQ(mount(nullptr, folder.path("").c_str(), nullptr, MS_REMOUNT, nullptr), 0);
  const auto store = open_sqlite(options(folder));
  ASSERT_TRUE(store.ok()) << store.error().what;
  EXPECT_EQ((*store)->head(), testing::kBatch);
}

TEST(Mounts, AReadOnlyDiskIsRefused) {
  const Folder folder;
  testing::in_child([&] { read_only_disk(folder); });
}

}  // namespace
}  // namespace weft::store
