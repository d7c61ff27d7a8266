#include "runtime/record.h"

#include <gtest/gtest.h>

namespace weft::runtime {
namespace {

TEST(Record, ComesBackAsItWas) {
  const Record started{.generation = 7, .earlier_restarts = 2};
  EXPECT_EQ(parse_record(encode(started)).value(), started);

  Record ended = started;
  ended.end = workload::Status{.state = workload::RunState::Exited,
                               .ended = {.ns = 1'700'000'000'000'000'000},
                               .exit = workload::Exit{.code = 143, .signal = 15},
                               .restarts = 3,
                               .reason = "two\nlines"};
  EXPECT_EQ(parse_record(encode(ended)).value(), ended);
}

// A power cut may leave an empty file, or one that was never meant to be.
TEST(Record, WhatIsCutOrDamagedIsAnError) {
  for (const char* text : {"", "generation 1\n", "earlier_restarts 1\n", "generation -1\nearlier_restarts 0\n",
                           "generation 1\nearlier_restarts 0\nstate happy\n", "\0\0\0", "generation 1"}) {
    EXPECT_FALSE(parse_record(text).ok()) << text;
  }
}

}  // namespace
}  // namespace weft::runtime
