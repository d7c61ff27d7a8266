#include "shim/user.h"

#include <gtest/gtest.h>

namespace weft::shim {
namespace {

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "broken line\n"
    "web:x:33:34:www:/var/www:/usr/sbin/nologin\n"
    "homeless:x:99:99:::\n"
    "evil:x:4294967295:0::/:/bin/sh\n";
constexpr std::string_view kGroup = "root:x:0:\nadm:x:4:syslog,web\nssl:x:110:web\nwebx:x:111:webx\n";

TEST(User, ByNameWithItsGroups) {
  EXPECT_EQ(*find_user("web", kPasswd, kGroup), (Identity{33, 34, {4, 110}, "/var/www"}));
  EXPECT_EQ(*find_user("homeless", kPasswd, kGroup), (Identity{99, 99, {}, "/"}));
}

TEST(User, ByNumber) {
  EXPECT_EQ(*find_user("33", kPasswd, kGroup), (Identity{33, 34, {4, 110}, "/var/www"}));
  EXPECT_EQ(*find_user("5000", kPasswd, kGroup), (Identity{5000, 5000, {}, "/"}));
  EXPECT_EQ(*find_user("33:4", kPasswd, kGroup), (Identity{33, 4, {}, "/var/www"}));
}

TEST(User, NobodyNamedIsRoot) { EXPECT_EQ(*find_user("", kPasswd, kGroup), (Identity{0, 0, {}, "/root"})); }

TEST(User, WhoIsNotThereIsRefused) {
  for (const char* user : {"nobody-here", "evil", "4294967295", "-1", "1:", ":1", "web:web", "1:2:3", "broken line"}) {
    EXPECT_FALSE(find_user(user, kPasswd, kGroup).ok()) << user;
  }
}

}  // namespace
}  // namespace weft::shim
