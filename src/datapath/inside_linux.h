// The workloads' ends of the interfaces, as they are: read, compared, put back.
// Namespaces that were looked into are held open, so that one whose name somebody
// takes away lives on, and gets its name back.
#pragma once

#include <map>
#include <string>

#include "datapath/wiring.h"
#include "os/fd.h"
#include "os/netlink.h"

namespace weft::datapath {

class Insides {
 public:
  // In the machine's namespace.
  static Result<Insides> open();

  // Puts back what the workload's end lacks, and answers it in words; empty:
  // nothing. NotFound: the device isn't in the namespace any more. `machine_side` is
  // the index of its other end.
  Result<std::string> mend(const Interface& interface, int device, int machine_side);

  // Sees to it that the namespace has its name. Named: it had it. Restored: it is
  // the same one. Lost: it is gone, and with it what was inside.
  enum class Name { Named, Restored, Lost };
  Result<Name> keep_name(const std::string& netns);
  // It is to end: nothing of ours holds it any more.
  void forget(const std::string& netns) { held_.erase(netns); }

 private:
  Insides(os::Netlink machine, size_t most) : machine_(std::move(machine)), most_(most) {}
  Result<os::Netlink*> socket_in(const std::string& netns);
  Result<std::string> mend_with(const Interface& interface, const os::Link& link, os::Netlink& netlink);

  os::Netlink machine_;
  std::map<std::string, os::Netlink> held_;
  size_t most_;                         // that are held: descriptors are for others, too
  std::optional<os::Netlink> passing_;  // the one that is looked into, where no more are held
};

}  // namespace weft::datapath
