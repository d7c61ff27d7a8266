// The one way in which the shim makes a child: fork with the flags of clone3(2).
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"
#include "os/fd.h"

namespace weft::shim {

struct Child {
  pid_t pid = 0;  // 0 in the child
  os::Fd pidfd;
};

struct CloneOptions {
  uint64_t namespaces = 0;  // CLONE_NEW...
  int cgroup = -1;          // the version 2 group to be born into
};

Result<Child> clone_process(CloneOptions options);

// A pipe on which a child says why it failed. Success is a word of its own, or
// silence when the child has been executed (the pipe closes itself).
class Report {
 public:
  static Result<Report> open();

  // In the child, first: with the reading end in its own hands it would never learn
  // that the parent has died.
  void let_go() { ours_.reset(); }
  // In the child: never returns.
  [[noreturn]] void fail(const Error& error) const;
  void ready() const;

  // In the parent, once: what the child said first.
  enum class Said { Nothing, Ready };
  Result<Said> read();

 private:
  os::Fd ours_;
  os::Fd theirs_;
};

}  // namespace weft::shim
