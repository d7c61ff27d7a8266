// Cgroup: the control group of one workload, with its limits.
//
// Each limit is set in the version 1 hierarchy of its controller where that is
// mounted below the root (memory, cpu, pids), else in the version 2 tree (the
// root itself, or `unified` below it on a mixed machine). Without any limit the
// version 2 group alone is made: a child is born into it, while a move into a
// version 1 group costs 7 to 14 ms (the kernel waits for readers).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "workload/spec.h"

namespace weft::shim {

class Cgroup {
 public:
  // Makes root[/controller]/parent/id, after killing what a dead shim left in
  // it. A limit that can't be set is an error; nothing is left then.
  static Result<Cgroup> create(const workload::Spec& spec);

  // The directory that a child is born into (CLONE_INTO_CGROUP); -1: none.
  int birthplace() const { return birthplace_.get(); }
  // Moves the calling process into the version 1 groups. Allocates nothing.
  bool join() const;

  // Processes killed by the memory limit so far.
  uint64_t out_of_memory_kills() const;

  // Removes the groups, killing what is in them. Waits for the kernel up to a second.
  Result<> remove();

 private:
  Result<> set_limits(const workload::Spec& spec);
  Result<std::string> make_group(const std::string& hierarchy, std::string_view parent, std::string_view id);
  Result<std::string> group_for(const workload::Spec& spec, std::string_view controller);

  std::string unified_;              // the group in the version 2 tree; empty: none
  std::vector<std::string> groups_;  // all of them
  std::vector<os::Fd> version1_;     // cgroup.procs of the version 1 groups
  std::string memory_events_;        // the file that counts kills; empty: no memory limit
  os::Fd birthplace_;
};

}  // namespace weft::shim
