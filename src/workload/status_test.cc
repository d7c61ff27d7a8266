#include "workload/status.h"

#include <gtest/gtest.h>

namespace weft::workload {
namespace {

TEST(Status, WhatIsEncodedParsesBack) {
  const Status status = {.state = RunState::Backoff,
                         .shim = 10,
                         .pid = 12,
                         .started = {1'000},
                         .ended = {2'000},
                         .retry_at = {3'000},
                         .exit = Exit{.code = 137, .signal = 9},
                         .out_of_memory = OutOfMemory::Yes,
                         .again = Again::Never,
                         .restarts = 3,
                         .log_records_lost = 1,
                         .reason = "killed\nby the limit"};
  EXPECT_EQ(*parse_status(encode(status)), status);
  EXPECT_EQ(*parse_status(encode(Status{})), Status{});
}

TEST(Status, KeysOfLaterVersionsArePassedOver) {
  const auto status = parse_status("state running\nmood good\n");
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->state, RunState::Running);
}

TEST(Status, WhatIsWrongIsRefused) {
  EXPECT_FALSE(parse_status("").ok());
  EXPECT_FALSE(parse_status("state happy\n").ok());
  EXPECT_FALSE(parse_status("state running\npid -1\n").ok());
  EXPECT_FALSE(parse_status("state exited\nexit_code 256\n").ok());
}

}  // namespace
}  // namespace weft::workload
