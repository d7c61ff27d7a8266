// For system tests: the process's own network and mount namespaces, with an
// empty /run, so that a test meets nobody and leaves nothing behind.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>

namespace weft::os {

// Once per process, before any thread: threads made earlier would stay outside.
inline void isolate_process() {
  static const bool isolated = [] {
    return unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 && mount("", "/", "none", MS_PRIVATE | MS_REC, nullptr) == 0 &&
           mount("run", "/run", "tmpfs", 0, nullptr) == 0;
  }();
  ASSERT_TRUE(isolated) << "system tests need root: " << strerror(errno);
}

class Isolated : public ::testing::Test {
 protected:
  void SetUp() override { isolate_process(); }
};

}  // namespace weft::os
