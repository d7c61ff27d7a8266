// What the parent of a workload is told, as it follows from the agreed state.
#pragma once

#include <optional>
#include <string>

#include "model/workload.h"
#include "workload/spec.h"

namespace weft::runtime {

// What this machine adds to the agreed row.
struct Surroundings {
  std::string netns;                       // path of the workload's namespace
  std::optional<std::string> resolv_conf;  // text, if it has a resolver of its own
  std::string cgroup_root;                 // where the hierarchies are mounted
  std::string cgroup;                      // the instance's group, parent of the workload's
};

workload::Spec compile_spec(const model::Workload& workload, const Surroundings& around);

}  // namespace weft::runtime
