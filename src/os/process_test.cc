#include "os/process.h"

#include <gtest/gtest.h>

namespace weft::os {
namespace {

// As proc(5) has it: pid, name, state, and so on; the 22nd is the start.
constexpr std::string_view kRest = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21 22\n";

TEST(ProcessStatus, FindsTheStart) { EXPECT_EQ(*parse_start_ticks("7 (sh)" + std::string(kRest)), 4711U); }

TEST(ProcessStatus, NameMayLookLikeAnything) {
  EXPECT_EQ(*parse_start_ticks("7 (a) S 9 (b)" + std::string(kRest)), 4711U);
  EXPECT_EQ(*parse_start_ticks("7 (\n) )" + std::string(kRest)), 4711U);
}

TEST(ProcessStatus, RefusesWhatIsNone) {
  for (const char* bad :
       {"", "7", "7 (sh)", "7 (sh) S 1 2", "7 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x"}) {
    EXPECT_FALSE(parse_start_ticks(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace weft::os
