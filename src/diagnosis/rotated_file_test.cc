#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "diagnosis/lines.h"
#include "os/file.h"

namespace weft::diagnosis {
namespace {

using ::testing::ElementsAre;

class RotatedFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "weft-lines-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    options_ = {.path = directory_ + "/log", .most_bytes = 20, .most_old = 2};
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string text(const std::string& name) { return *os::read_file(directory_ + "/" + name, 1000); }

  std::string directory_;
  RotatedFileOptions options_;
};

TEST_F(RotatedFileTest, KeepsTheNewestInSoManyFiles) {
  auto file = open_rotated_file(options_);
  ASSERT_TRUE(file.ok()) << file.error().what;
  for (char c = 'a'; c <= 'h'; ++c) ASSERT_TRUE((*file)->append(std::string(9, c) + "\n").ok());
  EXPECT_THAT(*os::list_directory(directory_), ElementsAre("log", "log.1", "log.2"));
  EXPECT_EQ(text("log"), "ggggggggg\nhhhhhhhhh\n");
  EXPECT_EQ(text("log.2"), "ccccccccc\nddddddddd\n");
}

TEST_F(RotatedFileTest, GoesOnInTheFileThatIsThere) {
  ASSERT_TRUE((*open_rotated_file(options_))->append("old\n").ok());
  ASSERT_TRUE((*open_rotated_file(options_))->append("new\n").ok());
  EXPECT_EQ(text("log"), "old\nnew\n");
}

TEST_F(RotatedFileTest, ReadsBackTheNewestWholeLines) {
  auto file = open_rotated_file(options_);
  for (char c = 'a'; c <= 'e'; ++c) ASSERT_TRUE((*file)->append(std::string(9, c) + "\n").ok());
  EXPECT_EQ(*read_rotated_file(options_, 1000), "aaaaaaaaa\nbbbbbbbbb\nccccccccc\nddddddddd\neeeeeeeee\n");
  EXPECT_EQ(*read_rotated_file(options_, 25), "ddddddddd\neeeeeeeee\n");
  EXPECT_EQ(*read_rotated_file({.path = directory_ + "/none"}, 25), "");
}

TEST_F(RotatedFileTest, FollowsNoLink) {
  ASSERT_TRUE(os::write_file_atomic(directory_ + "/precious", "x", 0600, os::Durability::Cached).ok());
  std::filesystem::create_symlink(directory_ + "/precious", options_.path);
  EXPECT_FALSE(open_rotated_file(options_).ok());
}

TEST_F(RotatedFileTest, ADiskThatRefusesIsAnError) {
  options_.path = "/dev/full";
  const auto file = open_rotated_file(options_);
  ASSERT_TRUE(file.ok());
  EXPECT_FALSE((*file)->append("x\n").ok());
}

}  // namespace
}  // namespace weft::diagnosis
