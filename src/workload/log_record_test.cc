#include "workload/log_record.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace weft::workload {
namespace {

TEST(LogRecord, IsOneJsonObjectALine) {
  const LogRecord record = {.time = {1'795'080'600'123'456'789}, .stream = Stream::Stderr, .text = "a \"b\"\t\\"};
  EXPECT_EQ(encode(record),
            "{\"t\":\"2026-11-19T09:30:00.123456789Z\",\"s\":\"stderr\",\"m\":\"a \\\"b\\\"\\u0009\\\\\"}\n");
}

TEST(LogRecord, WhatIsEncodedParsesBack) {
  for (const char* text : {"", "plain", "\xe2\x82\xac \xf0\x9f\x99\x82", "\x1b[31mred\x7f", "\"\\\""}) {
    const LogRecord record = {.time = {1'000'000'001}, .text = text, .end = LineEnd::Later};
    const std::string line = encode(record);
    EXPECT_EQ(*parse_log_record(std::string_view(line).substr(0, line.size() - 1)), record);
  }
}

TEST(LogRecord, BytesThatAreNoTextBecomeTheReplacementCharacter) {
  for (const char* bad : {"\xff", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\x80"}) {
    std::string line = encode({.text = bad});
    line.pop_back();
    const auto record = parse_log_record(line);
    ASSERT_TRUE(record.ok());
    EXPECT_EQ(record->text.find("\xef\xbf\xbd"), 0u);
  }
}

TEST(LogRecord, WhatIsWrongIsRefused) {
  for (const char* bad :
       {"", "{", "{}", "[]", "{\"t\":1}", "{\"m\":\"a\"", "{\"m\":\"a\"}x", "{\"m\":\"\\u0100\"}", "{\"m\":\"\\q\"}",
        "{\"s\":\"stdin\"}", "{\"x\":\"y\"}", "{\"p\":false}", "{\"m\":\"a\n\"}"}) {
    EXPECT_FALSE(parse_log_record(bad).ok()) << bad;
  }
  EXPECT_FALSE(parse_log_record(std::string(200'000, 'x')).ok());
}

TEST(LogRecord, AnyBytesAreTakenOrRefused) {
  base::Rng rng(3);
  const std::string valid = encode({.time = {5}, .text = "a \"quoted\" \x01 word", .end = LineEnd::Later});
  for (int round = 0; round < 20'000; ++round) {
    std::string line = valid.substr(0, valid.size() - 1);
    for (uint64_t n = 1 + rng.below(3); n > 0; --n) line[rng.below(line.size())] = static_cast<char>(rng.next());
    (void)parse_log_record(line);
  }
}

}  // namespace
}  // namespace weft::workload
