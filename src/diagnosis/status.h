// What is not as wanted, for `weft status`: the machinery's own complaints, and
// workloads that aren't what the agreed state wants them to be.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/backend.h"

namespace weft::diagnosis {

struct Complaint {
  std::string id;  // of the object; empty: of the machine
  std::string what;
  api::Told told = api::Told::WithAnswers;
  auto operator<=>(const Complaint&) const = default;
};

using StatusOf = std::function<std::optional<api::RunStatus>(const model::WorkloadId&)>;

// What a target says doesn't hold, by object ("tni-...", "policy") and why.
std::vector<Complaint> target_complaints(const std::map<std::string, std::string>& problems);
// Workloads of this machine.
std::vector<Complaint> workload_complaints(const model::State& state, const model::MachineId& self,
                                           const StatusOf& status);
// Of the machine itself: a read-only store, a log that can't be written. Empty `why`: nothing.
std::vector<Complaint> machine_complaint(std::string_view what, const std::string& why);

// Remembers since when each complaint has been made.
class Problems {
 public:
  // All that is complained about now; what isn't any more is forgotten.
  void update(base::WallTime now, const std::vector<Complaint>& complaints);
  std::vector<api::Problem> all() const;

 private:
  std::map<Complaint, base::WallTime> since_;
};

}  // namespace weft::diagnosis
