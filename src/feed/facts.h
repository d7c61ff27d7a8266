// What the data plane has told of its facts: as much as the control plane needs
// to judge a write. It is remembered while the data plane is away.
#pragma once

#include <map>
#include <optional>

#include "feed/message.h"

namespace weft::feed {

class Facts {
 public:
  // A data plane said hello. It tells what there is, then that it is in step;
  // before that nothing is known.
  void begin();
  void take(const Run& run);
  void take(const Enforced&) { phase_ = Phase::Known; }
  // It isn't agreed any more.
  void forget(const model::WorkloadId& workload) { runs_.erase(workload); }

  bool known() const { return phase_ == Phase::Known; }
  // Absent: the workload isn't there, if that is known.
  std::optional<api::RunState> find(const model::WorkloadId& workload) const;

 private:
  enum class Phase { Unknown, Known } phase_ = Phase::Unknown;
  std::map<model::WorkloadId, api::RunState> runs_;
};

}  // namespace weft::feed
