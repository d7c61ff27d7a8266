#include "datapath/names.h"

#include <gtest/gtest.h>

namespace weft::datapath {
namespace {

const model::WorkloadId kWorkload{"w-5f0c9a31e2d47b68"};

TEST(Names, InstancesNeverTakeEachOthersThings) {
  const Names all[] = {{}, {"w"}, {"a"}, {"a-w"}, {"gw"}, {"staging-cluster-1"}, {"staging-cluster-2"}};
  for (const Names& one : all) {
    EXPECT_TRUE(one.is_netns(one.netns_of(kWorkload))) << one.instance;
    EXPECT_FALSE(one.is_netns(one.own_netns())) << one.instance;
    EXPECT_LE(one.machine_device().size(), 15u) << one.instance;
    for (const Names& other : all) {
      if (one.instance == other.instance) continue;
      EXPECT_FALSE(one.is_netns(other.own_netns())) << one.instance << ", " << other.instance;
      EXPECT_FALSE(one.is_netns(other.netns_of(kWorkload))) << one.instance << ", " << other.instance;
      EXPECT_NE(one.machine_device(), other.machine_device());
    }
  }
}

}  // namespace
}  // namespace weft::datapath
