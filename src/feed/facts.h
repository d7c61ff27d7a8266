// What the data plane has told of its facts: as much as the control plane needs
// to judge a write and to answer it. It is remembered while the data plane is away.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "feed/message.h"

namespace weft::feed {

class Facts {
 public:
  // A data plane said hello. It tells what there is, then that it is in step;
  // before that nothing is known.
  void begin();
  void take(const Run& run);
  void take(const Enforced& enforced);
  // It isn't agreed any more.
  void forget(const model::WorkloadId& workload) { runs_.erase(workload); }

  bool known() const { return phase_ == Phase::Known; }
  // Absent: the workload isn't there, if that is known.
  std::optional<api::RunState> find(const model::WorkloadId& workload) const;
  // As it told them last.
  const std::vector<api::Problem>& problems() const { return problems_; }

 private:
  enum class Phase { Unknown, Known } phase_ = Phase::Unknown;
  std::map<model::WorkloadId, api::RunState> runs_;
  std::vector<api::Problem> problems_;
};

}  // namespace weft::feed
