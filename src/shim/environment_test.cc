#include "shim/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::shim {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::StartsWith;

TEST(Environment, AddsOnlyWhatIsMissing) {
  EXPECT_THAT(environment_of({.argv = {"x"}}, "/root"), ElementsAre(StartsWith("PATH=/usr/local/sbin:"), "HOME=/root"));
  EXPECT_THAT(environment_of({.argv = {"x"}, .env = {"HOME=/x", "A=1", "PATH="}}, "/root"),
              ElementsAre("HOME=/x", "A=1", "PATH="));
  EXPECT_THAT(environment_of({.argv = {"x"}, .terminal = workload::WindowSize{}}, "/"), Contains("TERM=xterm"));
}

TEST(Environment, TheLaterSettingWins) {
  const workload::Command outer = {.argv = {"x"}, .env = {"A=1", "B=2", "PATH=/bin", "HOME=/"}, .user = "web"};
  const auto inner = within(outer, {.argv = {"y"}, .env = {"A=3"}, .workdir = "/tmp"});
  EXPECT_THAT(environment_of(inner, "/"), ElementsAre("A=3", "B=2", "PATH=/bin", "HOME=/"));
  EXPECT_EQ(inner.user, "web");
  EXPECT_EQ(inner.workdir, "/tmp");
}

}  // namespace
}  // namespace weft::shim
