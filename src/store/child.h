// A child process for tests that kill it, or that change what belongs to a process: its mounts, its limits.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <functional>

#include "base/check.h"

namespace weft::store::testing {

// Runs `body` in a child, ends it at the latest with this object, and leaves the read end of what it writes.
class Child {
 public:
  explicit Child(const std::function<void(int pipe)>& body) {
    int ends[2];
    CHECK(::pipe(ends) == 0);
    fflush(nullptr);  // else the child says it again
    pid_ = fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) {
      close(ends[0]);
      body(ends[1]);
      fflush(nullptr);
      _exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    close(ends[1]);
    pipe_ = ends[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!ended_) kill_now();
    wait();
    close(pipe_);
  }

  int pipe() const { return pipe_; }
  void kill_now() const { kill(pid_, SIGKILL); }
  // The status, as waitpid gives it.
  int wait() {
    if (!ended_) CHECK(waitpid(pid_, &status_, 0) == pid_);
    ended_ = true;
    return status_;
  }

 private:
  pid_t pid_ = -1;
  int pipe_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

// Asserts within `body` count as the test's.
inline void in_child(const std::function<void()>& body) {
  Child child([&](int) { body(); });
  ASSERT_EQ(child.wait(), 0) << "see the child's failures above";
}

}  // namespace weft::store::testing
