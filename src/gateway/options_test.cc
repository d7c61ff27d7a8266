#include "gateway/options.h"

#include <gtest/gtest.h>

#include "gateway/desired.h"

namespace weft::gateway {
namespace {

const model::VpcId kVpc{"vpc-5f0c9a31e2d47b68"};

TEST(Options, InstancesNeverTakeEachOthersThings) {
  const Options first = Options::of(""), other = Options::of("gw-x"), number = Options::of("1");
  EXPECT_EQ(first.netns_of(kVpc), "weft-gw-5f0c9a31e2d47b68");
  EXPECT_EQ(first.device_of(1000), "weft-gw1000");
  for (const Options& a : {first, other, number}) {
    EXPECT_LE(a.device_of(1000).size(), 15u);
    EXPECT_TRUE(a.is_netns(a.netns_of(kVpc)));
    EXPECT_TRUE(a.is_device(a.device_of(1)));
    for (const Options& b : {first, other, number}) {
      if (a.netns_prefix == b.netns_prefix) continue;
      EXPECT_FALSE(a.is_netns(b.netns_of(kVpc)));
      EXPECT_FALSE(a.is_device(b.device_of(1)));
      EXPECT_NE(a.handle(), b.handle());
      EXPECT_TRUE(Options::is_of_any(b.device_of(1)));
    }
  }
}

TEST(Options, OthersNamesAreNotOurs) {
  const Options options;
  for (const char* name : {"weft-gw", "weft-gw-", "weft-gw1x", "weft-gw01", "weft-gw99999", "weft0"}) {
    EXPECT_FALSE(options.is_device(name)) << name;
  }
  for (const char* name :
       {"weft-gw-", "weft-gw-5f0c9a31e2d47b6", "weft-gw-5F0C9A31E2D47B68", "weft-gw-x-5f0c9a31e2d47b68"}) {
    EXPECT_FALSE(options.is_netns(name)) << name;
  }
}

TEST(Options, DevicesOfAnyInstance) {
  for (const char* name : {"weft0", "wf-lab", "weft-gw1", "wf0a1b2c-gw1000"}) {
    EXPECT_TRUE(Options::is_of_any(name)) << name;
  }
  for (const char* name : {"eth0", "weft1", "wf0", "wf0a1b2c", "wf0a1b2-gw1", "wfxyzxyz-gw1", "weft-gw", "veth-gw1"}) {
    EXPECT_FALSE(Options::is_of_any(name)) << name;
  }
}

TEST(Alias, OnlyWhatWeWrite) {
  EXPECT_TRUE(parse_alias("vpc-5f0c9a31e2d47b68 3 0 61056-62079"));
  EXPECT_TRUE(parse_alias("vpc-5f0c9a31e2d47b68 3 15 none"));
  for (const char* bad : {"", "vpc-5f0c9a31e2d47b68", "vpc-5f0c9a31e2d47b68 0 0 none", "vpc-5f0c9a31e2d47b68 3 16 none",
                          "vpc-5f0c9a31e2d47b68 3 0 some", "tni-5f0c9a31e2d47b68 3 0 none",
                          "vpc-5f0c9a31e2d47b68 1001 0 none", "vpc-5f0c9a31e2d47b68 3 0 none more"}) {
    EXPECT_FALSE(parse_alias(bad)) << bad;
  }
}

}  // namespace
}  // namespace weft::gateway
