#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "runtime/log_reader_linux.h"

namespace weft::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LogReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/weft-log-reader-XXXXXX";
    directory_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path(int number) const {
    return directory_ + (number == 0 ? "/output" : "/output." + std::to_string(number));
  }
  void write(const std::string& bytes, int number = 0) {
    std::ofstream(path(number), std::ios::app | std::ios::binary) << bytes;
  }
  void log(const std::vector<std::string>& lines, int number = 0) {
    for (const auto& line : lines) write(encode(workload::LogRecord{.text = line}), number);
  }
  // As the shim does with three files.
  void rotate() {
    for (int number = 2; number > 0; --number) {
      if (std::filesystem::exists(path(number - 1))) std::filesystem::rename(path(number - 1), path(number));
    }
    write("");
  }

  LogReader open(std::optional<uint64_t> tail = {}) {
    auto reader = LogReader::open(directory_, tail);
    EXPECT_TRUE(reader.ok()) << reader.error().what;
    return std::move(*reader);
  }
  static std::vector<std::string> read(LogReader& reader) {
    std::vector<std::string> lines;
    while (true) {
      auto record = reader.next();
      EXPECT_TRUE(record.ok()) << record.error().what;
      if (!record.ok() || !*record) return lines;
      lines.push_back((*record)->text);
    }
  }

  std::string directory_;
};

TEST_F(LogReaderTest, ALogThatIsNotThereYetIsEmptyAndIsFoundLater) {
  auto reader = open();
  EXPECT_THAT(read(reader), IsEmpty());
  log({"one"});
  EXPECT_THAT(read(reader), ElementsAre("one"));
}

TEST_F(LogReaderTest, TheOldestFileComesFirst) {
  log({"one", "two"}, 2);
  log({"three"}, 1);
  log({"four"});
  auto reader = open();
  EXPECT_THAT(read(reader), ElementsAre("one", "two", "three", "four"));
  log({"five"});
  EXPECT_THAT(read(reader), ElementsAre("five"));
}

TEST_F(LogReaderTest, RotationLosesNothing) {
  auto reader = open();
  log({"one"});
  EXPECT_THAT(read(reader), ElementsAre("one"));
  log({"two"});
  rotate();
  log({"three"});
  rotate();
  log({"four"});
  EXPECT_THAT(read(reader), ElementsAre("two", "three", "four"));
}

TEST_F(LogReaderTest, WhoIsLappedGoesOnWithTheOldest) {
  auto reader = open();
  log({"one"});
  EXPECT_THAT(read(reader), ElementsAre("one"));
  for (const char* line : {"lost", "two", "three"}) {
    rotate();
    log({line});
  }
  rotate();
  log({"four"});
  EXPECT_THAT(read(reader), ElementsAre("two", "three", "four"));
}

TEST_F(LogReaderTest, ATailIsCountedOverTheFiles) {
  log({"one", "two"}, 2);
  log({"three"}, 1);
  log({"four", "five"});
  const std::vector<std::vector<std::string>> expected = {{},
                                                          {"five"},
                                                          {"four", "five"},
                                                          {"three", "four", "five"},
                                                          {"two", "three", "four", "five"},
                                                          {"one", "two", "three", "four", "five"},
                                                          {"one", "two", "three", "four", "five"}};
  for (uint64_t tail = 0; tail < expected.size(); ++tail) {
    auto reader = open(tail);
    EXPECT_EQ(read(reader), expected[tail]) << tail;
  }
  auto reader = open(0);
  log({"six"});
  EXPECT_THAT(read(reader), ElementsAre("six"));
}

TEST_F(LogReaderTest, ALongTailReachesOverChunks) {
  std::vector<std::string> lines;
  for (int i = 0; i < 5000; ++i) lines.push_back("line " + std::to_string(i));
  log(lines);
  auto reader = open(4000);
  const auto last = read(reader);
  EXPECT_EQ(last, std::vector<std::string>(lines.end() - 4000, lines.end()));
}

TEST_F(LogReaderTest, HalfARecordIsWaitedFor) {
  const std::string record = encode(workload::LogRecord{.text = "whole"});
  auto reader = open();
  write(record.substr(0, 20));
  EXPECT_THAT(read(reader), IsEmpty());
  write(record.substr(20));
  EXPECT_THAT(read(reader), ElementsAre("whole"));
}

TEST_F(LogReaderTest, WhatIsNoRecordIsPassedOver) {
  write("nonsense\n\n{\"t\":1}\n" + std::string(300'000, 'x') + "\n");
  log({"one"});
  auto reader = open();
  EXPECT_THAT(read(reader), ElementsAre("one"));
}

TEST_F(LogReaderTest, ALinkIsNotFollowed) {
  std::filesystem::create_symlink("/etc/passwd", path(0));
  auto reader = LogReader::open(directory_, std::nullopt);
  ASSERT_TRUE(reader.ok());
  EXPECT_FALSE(reader->next().ok());
}

}  // namespace
}  // namespace weft::runtime
