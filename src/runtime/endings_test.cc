#include "runtime/endings.h"

#include <gtest/gtest.h>

namespace weft::runtime {
namespace {

model::WorkloadId id_of(size_t number) { return {"w-" + base::hex64(number)}; }

workload::Status exited(int code) {
  return {.state = workload::RunState::Exited, .exit = workload::Exit{.code = code}};
}

TEST(Endings, AreRememberedForAMinute) {
  Endings endings;
  endings.add({}, id_of(1), exited(7));
  const base::BootTime later = base::BootTime{} + Endings::kLongest;
  EXPECT_EQ(endings.find({later.ns - 1}, id_of(1)), exited(7));
  EXPECT_EQ(endings.find(later, id_of(1)), std::nullopt);
  EXPECT_EQ(endings.find({}, id_of(2)), std::nullopt);
}

TEST(Endings, TheOldestMakesRoom) {
  Endings endings;
  for (size_t i = 0; i <= Endings::kMost; ++i) endings.add({}, id_of(i), exited(0));
  EXPECT_EQ(endings.find({}, id_of(0)), std::nullopt);
  EXPECT_EQ(endings.find({}, id_of(1)), exited(0));
  EXPECT_EQ(endings.find({}, id_of(Endings::kMost)), exited(0));
}

}  // namespace
}  // namespace weft::runtime
