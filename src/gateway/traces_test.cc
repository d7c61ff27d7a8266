#include "gateway/traces.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "gateway/resolv.h"

namespace weft::gateway {
namespace {

TEST(Traces, ReadsWhatItWrites) {
  EXPECT_EQ(Traces().text(), "");
  const Traces traces{.reserved = {{8080, 8080}, {61056, 62079}}, .hooks = {2, 7}, .guard = Traces::Guard{1, 0xabc}};
  EXPECT_EQ(traces.text(), "reserved 8080,61056-62079\nhooks 2\nhooks 7\nguard 0000000000000001 0000000000000abc\n");
  EXPECT_EQ(*Traces::parse(traces.text()), traces);
}

TEST(Traces, RefusesWhatItDidNotWrite) {
  for (const char* bad : {"reserved", "reserved x", "hooks 0", "hooks -1", "hooks 2 3", "guard 1 2",
                          "guard 0000000000000001", "other 1"}) {
    EXPECT_FALSE(Traces::parse(bad).ok()) << bad;
  }
}

// Whatever a damaged file says, reading it ends, with an error or a value.
RC_GTEST_PROP(Traces, AnyText, (const std::string& text)) {
  const auto traces = Traces::parse(text);
  if (traces.ok()) RC_ASSERT(*Traces::parse(traces->text()) == *traces);
  RC_ASSERT(parse_resolv_conf(text).usable.size() <= 3);
}

}  // namespace
}  // namespace weft::gateway
