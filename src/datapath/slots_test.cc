#include "datapath/slots.h"

#include <gtest/gtest.h>

#include <string>

namespace weft::datapath {
namespace {

class SlotsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(slots_.take(key));
  }
  Slots<std::string> slots_{4};  // 1 to 3
};

TEST_F(SlotsTest, WhenAllAreInUseThereIsNone) {
  EXPECT_FALSE(slots_.has_room());
  EXPECT_FALSE(slots_.take("d"));
  EXPECT_EQ(slots_.take("b"), 2u);
}

TEST_F(SlotsTest, OneThatWasGivenBackIsHandedOutAfterAllOthers) {
  Slots<std::string> slots(4);
  ASSERT_EQ(slots.take("a"), 1u);
  slots.release(*slots.drop("a"));
  EXPECT_EQ(slots.take("b"), 2u);
  EXPECT_EQ(slots.take("c"), 3u);
  EXPECT_EQ(slots.take("d"), 1u);
}

TEST_F(SlotsTest, WhoRestsFindsItsSlotAgain) {
  slots_.rest("b");
  EXPECT_TRUE(slots_.rests("b"));
  EXPECT_TRUE(slots_.has_room());
  EXPECT_EQ(slots_.find("b"), 2u);
  EXPECT_EQ(slots_.take("b"), 2u);
  EXPECT_FALSE(slots_.rests("b"));
  EXPECT_FALSE(slots_.take("d"));
}

TEST_F(SlotsTest, WhoRestsForLongestGivesItsSlotUpFirst) {
  for (const char* key : {"c", "a", "b", "c"}) slots_.rest(key);  // again: it rests already
  EXPECT_EQ(slots_.take("d"), 3u);
  EXPECT_FALSE(slots_.find("c"));
  EXPECT_EQ(slots_.take("c"), 1u);
  EXPECT_EQ(slots_.find("b"), 2u);
  EXPECT_FALSE(slots_.find("a"));
  EXPECT_EQ(slots_.size(), 3u);
}

TEST_F(SlotsTest, WhoGivesItsSlotBackWhileItRestsIsTheLast) {
  slots_.rest("a");
  slots_.rest("b");
  const auto slot = slots_.drop("a");
  ASSERT_EQ(slot, 1u);
  slots_.release(*slot);
  EXPECT_EQ(slots_.take("d"), 2u);
  EXPECT_EQ(slots_.take("e"), 1u);
  EXPECT_FALSE(slots_.take("f"));
}

TEST_F(SlotsTest, WhoseNameIsUnknownDoesNotRest) {
  slots_.rest("x");
  EXPECT_FALSE(slots_.rests("x"));
  EXPECT_FALSE(slots_.has_room());
}

}  // namespace
}  // namespace weft::datapath
