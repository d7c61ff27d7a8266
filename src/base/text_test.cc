#include "base/text.h"

#include <gtest/gtest.h>

namespace weft::base {
namespace {

using namespace std::chrono_literals;

TEST(Text, NumbersTakeTheWholeTextOrNothing) {
  EXPECT_EQ(*parse_number("65535", 0, 65535), 65535u);
  EXPECT_EQ(*parse_number("0", 0, 1), 0u);
  for (const char* bad : {"", "-1", "+1", "01", "1 ", "0x10", "65536", "99999999999999999999999", "1\n"}) {
    const auto result = parse_number(bad, 0, 65535);
    ASSERT_FALSE(result.ok()) << bad;
    EXPECT_EQ(result.error().code, Code::Usage);
  }
}

TEST(Text, DurationsParseAndPrintBack) {
  EXPECT_EQ(*parse_duration("90s"), 90s);
  EXPECT_EQ(*parse_duration("1h30m"), 90min);
  EXPECT_EQ(*parse_duration("250ms"), 250ms);
  EXPECT_EQ(format_duration(90min), "1h30m");
  EXPECT_EQ(*parse_duration(format_duration(100h + 7s)), 100h + 7s);
  for (const char* bad : {"", "5", "h", "-5s", "1m1h", "1s1s", "4000d", "9999999999999s", "1h 30m", "0s"}) {
    EXPECT_FALSE(parse_duration(bad).ok()) << bad;
  }
}

TEST(Text, SizesArePowersOf1024) {
  EXPECT_EQ(*parse_size("64k"), 65536u);
  EXPECT_EQ(*parse_size("2G"), uint64_t{2} << 30);
  for (const char* bad : {"", "k", "0", "-1m", "1t", "99999999999999g"}) EXPECT_FALSE(parse_size(bad).ok()) << bad;
}

TEST(Text, InstantsAreUtc) {
  EXPECT_EQ(parse_time("1970-01-02T00:00:01Z")->ns, 86'401'000'000'000);
  EXPECT_EQ(parse_time("1970-01-01T00:00:00.5Z")->ns, 500'000'000);
  EXPECT_EQ(format_time(*parse_time("2026-11-20T09:30:00Z")), "2026-11-20T09:30:00Z");
  for (const char* bad : {"", "2026-11-20", "2026-13-20T09:30:00Z", "2026-02-30T09:30:00Z", "2026-11-20T24:30:00Z",
                          "2026-11-20T09:30:00", "2026-11-20T09:30:00.Z", "2026-11-20T09:30:00+01:00"}) {
    EXPECT_FALSE(parse_time(bad).ok()) << bad;
  }
}

TEST(Text, PrintableIsSafeToPrint) {
  EXPECT_EQ(printable("a\x1b[31m\n"), "'a\\x1b[31m\\x0a'");
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), 64 + 5u);
}

TEST(Result, TryPassesTheErrorOnWithContext) {
  const auto inner = []() -> Result<int> { return error(Code::NotFound, "no such device"); };
  const auto outer = [&]() -> Result<> {
    [[maybe_unused]] const int value = TRY(inner().within("add route"));
    return {};
  };
  const auto result = outer();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().what, "add route: no such device");
  EXPECT_EQ(result.error().code, Code::NotFound);
}

}  // namespace
}  // namespace weft::base
