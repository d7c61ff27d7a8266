// The names of what an instance makes in the kernel. They are all it needs to
// find its own things again, and two instances never share one.
#pragma once

#include <string>
#include <string_view>

#include "base/fingerprint.h"
#include "base/text.h"
#include "model/ids.h"

namespace weft::datapath {

struct Names {
  std::string instance;  // empty: the machine's default one

  std::string base() const { return instance.empty() ? "weft" : "weft-" + instance; }
  // Namespaces: the instance's own, where the machine's sides of all TNIs are,
  // and one for each workload ("weft-w-5f0c9a31e2d47b68").
  std::string own_netns() const { return base(); }
  std::string netns_prefix() const { return base() + "-w-"; }
  // Of a workload, and of this instance: others' names may begin alike.
  bool is_netns(std::string_view name) const {
    const std::string prefix = netns_prefix();
    return name.starts_with(prefix) && name.size() == prefix.size() + 16 && base::is_hex(name.substr(prefix.size()));
  }
  std::string netns_of(const model::WorkloadId& id) const { return base() + "-" + id.text; }
  // Devices: 15 bytes at the most.
  std::string machine_side_of(const model::TniId& id) const { return "t" + id.text.substr(id.text.size() - 14); }
  std::string machine_device() const {
    if (instance.empty()) return "weft0";
    if (instance.size() <= 12) return "wf-" + instance;
    return fmt::format("wf-{}-{:06x}", instance.substr(0, 5), base::fingerprint_of(instance) & 0xffffff);
  }
};

}  // namespace weft::datapath
