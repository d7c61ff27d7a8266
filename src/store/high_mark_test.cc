#include "store/high_mark.h"

#include <gtest/gtest.h>

namespace weft::store {
namespace {

TEST(HighMark, ParsesWhatItEncodes) {
  for (const uint64_t changes : {uint64_t{0}, uint64_t{1}, uint64_t{0x123456789abcdef0}, UINT64_MAX}) {
    EXPECT_EQ(*parse_mark(encode_mark(changes, "c"), "c"), changes);
  }
}

TEST(HighMark, RefusesAnythingElse) {
  const std::string good = encode_mark(77, "c");
  EXPECT_FALSE(parse_mark(good, "another cluster").ok());
  EXPECT_FALSE(parse_mark("", "c").ok());
  EXPECT_FALSE(parse_mark(good + "\n", "c").ok());
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(parse_mark(good.substr(0, i), "c").ok()) << i;
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_FALSE(parse_mark(bad, "c").ok()) << i;
    }
  }
}

}  // namespace
}  // namespace weft::store
