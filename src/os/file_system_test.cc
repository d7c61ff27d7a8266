#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>

#include "os/bpffs.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/isolated.h"

namespace weft::os {
namespace {

using base::Code;

class Files : public Isolated {
 protected:
  void SetUp() override {
    Isolated::SetUp();
    ASSERT_TRUE(make_directories(root_, 0755).ok());
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  const std::string root_ = "/run/files";
};

TEST_F(Files, WritesAndReadsBack) {
  const std::string path = root_ + "/a";
  for (const auto durability : {Durability::Cached, Durability::Flushed}) {
    ASSERT_TRUE(write_file_atomic(path, "first", 0600, durability).ok());
    ASSERT_TRUE(write_file_atomic(path, "second", 0640, durability).ok());
    EXPECT_EQ(*read_file(path, 6), "second");
  }
  struct stat found {};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0640U);
  EXPECT_EQ(*list_directory(root_), std::vector<std::string>{"a"});
}

TEST_F(Files, ReadIsBoundedAndAbsenceIsNamed) {
  ASSERT_TRUE(write_file_atomic(root_ + "/a", std::string(100'000, 'x'), 0600, Durability::Cached).ok());
  EXPECT_EQ(read_file(root_ + "/a", 100'000)->size(), 100'000U);
  EXPECT_EQ(read_file(root_ + "/a", 99'999).error().code, Code::Limit);
  EXPECT_EQ(read_file(root_ + "/none", 10).error().code, Code::NotFound);
  EXPECT_FALSE(find_file(root_ + "/none", 10)->has_value());
  EXPECT_TRUE(list_directory(root_ + "/none")->empty());
  EXPECT_FALSE(list_directory(root_ + "/a").ok());
}

TEST_F(Files, FailedWriteLeavesTheOldTextAndNoDraft) {
  // A device that is full: a tmpfs of one page, of which the file takes all.
  ASSERT_TRUE(make_directories(root_ + "/small", 0755).ok());
  ASSERT_EQ(mount("small", (root_ + "/small").c_str(), "tmpfs", 0, "size=4096"), 0);
  const std::string path = root_ + "/small/a";
  ASSERT_TRUE(write_file_atomic(path, std::string(4096, 'x'), 0600, Durability::Flushed).ok());
  EXPECT_FALSE(write_file_atomic(path, "y", 0600, Durability::Flushed).ok());
  EXPECT_EQ(*read_file(path, 4096), std::string(4096, 'x'));
  EXPECT_EQ(*list_directory(root_ + "/small"), std::vector<std::string>{"a"});
  ASSERT_EQ(umount((root_ + "/small").c_str()), 0);
}

TEST_F(Files, RemovesATreeAndNothingElse) {
  ASSERT_TRUE(make_directories(root_ + "/tree/deep/deeper", 0755).ok());
  ASSERT_TRUE(write_file_atomic(root_ + "/tree/deep/a", "", 0400, Durability::Cached).ok());
  ASSERT_TRUE(write_file_atomic(root_ + "/kept", "", 0400, Durability::Cached).ok());
  ASSERT_EQ(symlink("..", (root_ + "/tree/up").c_str()), 0);
  ASSERT_EQ(symlink("tree", (root_ + "/link").c_str()), 0);
  for (const char* bad : {"", ".", "..", "../files", "tree/..", "tree/", "tree/../kept", "link/deep", "/run"}) {
    EXPECT_FALSE(remove_tree(root_, bad).ok()) << bad;
  }
  EXPECT_TRUE(remove_tree(root_, "link").ok());
  EXPECT_TRUE(remove_tree(root_, "tree").ok());
  EXPECT_TRUE(remove_tree(root_, "tree").ok());
  EXPECT_TRUE(remove_tree(root_, "none/none").ok());
  EXPECT_EQ(*list_directory(root_), std::vector<std::string>{"kept"});
}

TEST_F(Files, TreeRemovalStopsAtAMountPointAndAtItsDepth) {
  ASSERT_TRUE(make_directories(root_ + "/tree/mounted", 0755).ok());
  ASSERT_EQ(mount("other", (root_ + "/tree/mounted").c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_TRUE(make_directories(root_ + "/tree/mounted/inner", 0755).ok());
  EXPECT_FALSE(remove_tree(root_, "tree").ok());
  EXPECT_EQ(*list_directory(root_ + "/tree/mounted"), std::vector<std::string>{"inner"});
  ASSERT_EQ(umount((root_ + "/tree/mounted").c_str()), 0);
  ASSERT_TRUE(remove_tree(root_, "tree").ok());

  std::string deep = root_ + "/deep";
  for (int i = 0; i < 80; ++i) deep += "/d";
  ASSERT_TRUE(make_directories(deep, 0755).ok());
  EXPECT_EQ(remove_tree(root_, "deep").error().code, Code::Limit);
}

TEST_F(Files, DirectoryIsNotAFile) {
  ASSERT_TRUE(write_file_atomic(root_ + "/a", "", 0600, Durability::Cached).ok());
  EXPECT_TRUE(make_directories(root_, 0755).ok());
  EXPECT_FALSE(make_directories(root_ + "/a", 0755).ok());
  EXPECT_FALSE(make_directories(root_ + "/a/b", 0755).ok());
}

TEST_F(Files, LockHasOneHolderAndEndsWithIt) {
  const std::string path = root_ + "/lock";
  {
    auto held = FileLock::acquire(path);
    ASSERT_TRUE(held.ok());
    const auto refused = FileLock::acquire(path);  // another open file: like another process
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::Conflict);
    EXPECT_EQ(refused.error().holder, std::to_string(getpid()));
  }
  EXPECT_TRUE(FileLock::acquire(path).ok());
}

TEST_F(Files, BpffsIsMountedOnce) {
  const std::string path = root_ + "/bpf";
  ASSERT_TRUE(mount_bpffs(path).ok());
  ASSERT_TRUE(mount_bpffs(path).ok());
  ASSERT_TRUE(mount_bpffs(path + "/below").ok());
  EXPECT_TRUE(unmount_bpffs(path).ok());
  EXPECT_TRUE(list_directory(path)->empty());
  EXPECT_TRUE(unmount_bpffs(path).ok());
  EXPECT_TRUE(unmount_bpffs(root_ + "/none").ok());
}

TEST(Clock, GoesForward) {
  const auto wall = now_wall();
  const auto boot = now_boot();
  EXPECT_GT(wall.ns, 1'700'000'000'000'000'000);
  EXPECT_GT(boot.ns, 0);
  EXPECT_LE(boot, now_boot());
  EXPECT_NE(random_seed(), random_seed());
}

}  // namespace
}  // namespace weft::os
