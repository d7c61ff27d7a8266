#include "diagnosis/status.h"

#include <string_view>

#include "base/text.h"

namespace weft::diagnosis {

namespace {

// Targets name what they complain about by its id, with or without words before it.
std::string id_in(const std::string& object) {
  for (const std::string_view word : base::split(object, ' ')) {
    const size_t dash = word.rfind('-');
    if (dash == std::string_view::npos || word.size() - dash != 17) continue;
    if (base::is_hex(word.substr(dash + 1))) return std::string(word);
  }
  return {};
}

std::string end_text(const api::RunStatus& status) {
  std::string text;
  if (status.signal != 0) {
    text = fmt::format("ended by signal {}", status.signal);
  } else if (status.exit_code) {
    text = fmt::format("ended with status {}", *status.exit_code);
  }
  if (status.oom) text += (text.empty() ? "" : ", ") + std::string("out of memory");
  if (!status.reason.empty()) text += (text.empty() ? "" : ": ") + status.reason;
  return text.empty() ? "for a reason that isn't known" : text;
}

// Why a workload that should run is as it is; nothing: that is as wanted.
std::optional<std::string> unlike_wanted(const model::Workload& workload, const std::optional<api::RunStatus>& status) {
  using api::RunState;
  const bool again = workload.restart != model::Restart::No;
  if (!status) return again ? std::optional<std::string>("doesn't run: it has not been started here") : std::nullopt;
  switch (status->state) {
    case RunState::Failed: return "could not be started: " + end_text(*status);
    case RunState::Backoff:
      return fmt::format("is started again after a while, {} times so far: {}", status->restarts, end_text(*status));
    case RunState::Exited:
      if (workload.restart == model::Restart::Always) return "doesn't run: " + end_text(*status);
      return std::nullopt;
    case RunState::Created:
    case RunState::Running:
    case RunState::Stopping: return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string> unlike_stopped(const std::optional<api::RunStatus>& status) {
  if (!status || status->state != api::RunState::Running) return std::nullopt;
  return "runs, though it should be stopped";
}

}  // namespace

std::vector<Complaint> target_complaints(const std::map<std::string, std::string>& problems) {
  std::vector<Complaint> complaints;
  for (const auto& [object, why] : problems) {
    const std::string id = id_in(object);
    complaints.push_back({id, id.empty() ? object + ": " + why : why});
  }
  return complaints;
}

std::vector<Complaint> workload_complaints(const model::State& state, const model::MachineId& self,
                                           const StatusOf& status) {
  std::vector<Complaint> complaints;
  for (const auto& [id, workload] : state.all<model::Workload>()) {
    if (workload.machine != self || workload.kind != model::WorkloadKind::Process) continue;
    const auto is = status(id);
    const auto what = workload.wanted == model::Wanted::Running ? unlike_wanted(workload, is) : unlike_stopped(is);
    if (what) complaints.push_back({id.text, fmt::format("workload {} {}", workload.name, *what), api::Told::InStatus});
  }
  return complaints;
}

std::vector<Complaint> machine_complaint(std::string_view what, const std::string& why) {
  if (why.empty()) return {};
  return {{std::string(), fmt::format("{}: {}", what, why)}};
}

void Problems::update(base::WallTime now, const std::vector<Complaint>& complaints) {
  std::map<Complaint, base::WallTime> still;
  for (const Complaint& complaint : complaints) {
    const auto known = since_.find(complaint);
    still.emplace(complaint, known == since_.end() ? now : known->second);
  }
  since_ = std::move(still);
}

std::vector<api::Problem> Problems::all() const {
  std::vector<api::Problem> problems;
  for (const auto& [complaint, since] : since_)
    problems.push_back({complaint.id, complaint.what, since, complaint.told});
  return problems;
}

}  // namespace weft::diagnosis
