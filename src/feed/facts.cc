#include "feed/facts.h"

namespace weft::feed {

void Facts::begin() { *this = Facts(); }

void Facts::take(const Run& run) {
  if (run.state) {
    runs_[run.workload] = *run.state;
  } else {
    runs_.erase(run.workload);
  }
}

void Facts::take(const Enforced& enforced) {
  phase_ = Phase::Known;
  problems_ = enforced.problems;
}

std::optional<api::RunState> Facts::find(const model::WorkloadId& workload) const {
  const auto found = runs_.find(workload);
  return found == runs_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace weft::feed
