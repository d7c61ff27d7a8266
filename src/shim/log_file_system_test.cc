// The log on a disk that is really full: a small tmpfs in a mount namespace of its own.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "shim/log_file.h"
#include "workload/log_record.h"

namespace weft::shim {
namespace {

using workload::Stream;

std::vector<workload::LogRecord> records_in(const std::string& path) {
  std::vector<workload::LogRecord> records;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    auto record = workload::parse_log_record(line);
    EXPECT_TRUE(record.ok()) << line;
    if (record.ok()) records.push_back(std::move(*record));
  }
  return records;
}

void fill_and_go_on(const std::string& directory) {
  auto log = *LogFile::open(directory + "/log", {.file_bytes = 1 << 20, .files = 2});
  std::ofstream(directory + "/ballast") << std::string(32 * 1024, 'x');
  for (int i = 0; i < 2000; ++i) log.append({1}, Stream::Stdout, "a line of no great length\n");
  EXPECT_GT(log.lost(), 0);
  const auto kept = records_in(directory + "/log/output").size();
  EXPECT_GT(kept, 0u);
  EXPECT_EQ(kept + static_cast<size_t>(log.lost()), 2000u);

  std::filesystem::remove(directory + "/ballast");
  log.append({2}, Stream::Stdout, "room again\n");
  const auto records = records_in(directory + "/log/output");
  ASSERT_EQ(records.size(), kept + 1);
  EXPECT_EQ(records.back().text, "room again");
}

TEST(LogFile, AFullDiskCostsWholeRecordsAndIsCounted) {
  char directory[] = "/tmp/weft-log-test-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(90);
    if (mount("tmpfs", directory, "tmpfs", 0, "size=65536") != 0) _exit(91);
    fill_and_go_on(directory);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int how = 0;
  waitpid(child, &how, 0);
  EXPECT_EQ(how, 0);
  rmdir(directory);
}

TEST(LogFile, OneFileIsEmptiedWhenItIsFull) {
  char directory[] = "/tmp/weft-log-test-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  auto log = *LogFile::open(std::string(directory) + "/log", {.file_bytes = 4096, .files = 1});
  for (int i = 0; i < 1000; ++i) log.append({1}, Stream::Stderr, fmt::format("line {}\n", i));
  const auto records = records_in(std::string(directory) + "/log/output");
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records.back().text, "line 999");
  EXPECT_LE(std::filesystem::file_size(std::string(directory) + "/log/output"), 4096u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(std::string(directory) + "/log"), {}), 1);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace weft::shim
