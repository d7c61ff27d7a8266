// Sandbox: the namespaces in which one run of a workload lives.
//
//   network   the one that the spec names
//   mount     the machine's, with /proc of the pid namespace, the workload's own
//             /etc/resolv.conf and /etc/hosts, without the names of other
//             network namespaces and the machine's resolver sockets
//   pid       its own: its first process does nothing but reap, and when it is
//             killed the kernel kills all the others. It dies with the shim.
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "os/fd.h"
#include "shim/clone.h"
#include "workload/spec.h"

namespace weft::shim {

class Sandbox {
 public:
  // Files named resolv.conf and hosts, if the spec has their texts, lie in the
  // current directory.
  static Result<Sandbox> open(const workload::Spec& spec);

  // The process whose end is the end of all; the caller waits for it (and for
  // those it has started inside, else the kernel lets it wait for them).
  pid_t first() const { return first_.pid; }
  void kill() const;

  // A child that is born into the pid namespace, and must enter() the others.
  Result<Child> clone_inside(int cgroup) const;
  Result<> enter() const;

 private:
  Child first_;
  os::Fd own_pids_;  // the pid namespace of the shim's other children
};

}  // namespace weft::shim
