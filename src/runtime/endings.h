// Endings: how workloads ended that are gone by now, for those who still ask
// (a `weft run --rm` in the foreground). Remembered for a minute.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>

#include "base/time.h"
#include "model/ids.h"
#include "workload/status.h"

namespace weft::runtime {

class Endings {
 public:
  static constexpr base::Duration kLongest = std::chrono::seconds(60);
  static constexpr size_t kMost = 1024;  // more than clients that can be waiting

  void add(base::BootTime now, const model::WorkloadId& id, const workload::Status& status);
  std::optional<workload::Status> find(base::BootTime now, const model::WorkloadId& id);

 private:
  struct Entry {
    model::WorkloadId id;
    base::BootTime until;
  };
  void forget(base::BootTime now);

  std::deque<Entry> order_;
  std::map<model::WorkloadId, workload::Status> statuses_;
};

}  // namespace weft::runtime
