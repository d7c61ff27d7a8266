#include "cli/trace_target.h"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

TEST(TraceTarget, NamesAndAddressesWithPortsOrWithout) {
  EXPECT_EQ(*parse_target("shop/db:5432"), (TraceTarget{"shop/db", 5432}));
  EXPECT_EQ(*parse_target("db"), (TraceTarget{"db", std::nullopt}));
  EXPECT_EQ(*parse_target("10.1.2.3:80"), (TraceTarget{"10.1.2.3", 80}));
  EXPECT_EQ(*parse_target("fd00::1"), (TraceTarget{"fd00::1", std::nullopt}));
  EXPECT_EQ(*parse_target("[fd00::1]:443"), (TraceTarget{"fd00::1", 443}));
  EXPECT_EQ(*parse_target("[fd00::1]"), (TraceTarget{"fd00::1", std::nullopt}));
}

TEST(TraceTarget, Refusals) {
  for (const char* bad : {"db:", "db:http", "db:65536", "db:-1", ":80", "[fd00::1", "[fd00::1]80", "[]:80", "db: 80"}) {
    const auto target = parse_target(bad);
    ASSERT_FALSE(target.ok()) << bad;
    EXPECT_EQ(target.error().code, base::Code::Usage);
  }
}

}  // namespace
}  // namespace weft::cli
