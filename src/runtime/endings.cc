#include "runtime/endings.h"

namespace weft::runtime {

void Endings::add(base::BootTime now, const model::WorkloadId& id, const workload::Status& status) {
  const bool is_new = statuses_.insert_or_assign(id, status).second;
  if (is_new) order_.push_back({id, now + kLongest});
  forget(now);
}

std::optional<workload::Status> Endings::find(base::BootTime now, const model::WorkloadId& id) {
  forget(now);
  const auto found = statuses_.find(id);
  return found == statuses_.end() ? std::nullopt : std::optional(found->second);
}

void Endings::forget(base::BootTime now) {
  while (!order_.empty() && (order_.front().until <= now || order_.size() > kMost)) {
    statuses_.erase(order_.front().id);
    order_.pop_front();
  }
}

}  // namespace weft::runtime
