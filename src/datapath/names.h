// The names of what an instance makes in the kernel. They are all it needs to
// find its own things again, and two instances never share one.
#pragma once

#include <string>

#include "model/ids.h"

namespace weft::datapath {

struct Names {
  std::string instance;  // empty: the machine's default one

  std::string base() const { return instance.empty() ? "weft" : "weft-" + instance; }
  // Namespaces: the instance's own, where the machine's sides of all TNIs are,
  // and one for each workload ("weft-w-5f0c9a31e2d47b68").
  std::string own_netns() const { return base(); }
  std::string netns_prefix() const { return base() + "-w-"; }
  std::string netns_of(const model::WorkloadId& id) const { return base() + "-" + id.text; }
  // Devices: 15 bytes at the most.
  std::string machine_side_of(const model::TniId& id) const { return "t" + id.text.substr(id.text.size() - 14); }
  std::string machine_device() const { return instance.empty() ? "weft0" : "wf-" + instance.substr(0, 12); }
};

}  // namespace weft::datapath
