#include "api/command_problems.h"

#include "api/view.h"

namespace weft::api {

CommandProblems::CommandProblems(const Backend& backend, const model::Command& command) : backend_(backend) {
  for (const model::Operation& operation : command.operations) {
    const auto* put = std::get_if<model::Put>(&operation);
    const model::AnyId id = put != nullptr ? model::id_of(put->object) : std::get<model::Remove>(operation).id;
    touched_.insert(model::text_of(id));
  }
  for (const Problem& problem : backend_.problems()) {
    if (problem.id.empty()) before_.insert(problem.what);
  }
}

std::vector<std::string> CommandProblems::notes() const {
  std::vector<std::string> notes;
  for (const Problem& problem : backend_.problems()) {
    const bool concerned = problem.id.empty() ? !before_.contains(problem.what) : touched_.contains(problem.id);
    if (!concerned || problem.told != Told::WithAnswers) continue;
    const std::string name = view(backend_.state(), problem).name();
    notes.push_back(
        fmt::format("agreed, but not all of it holds here: {}{}{}", name, name.empty() ? "" : ": ", problem.what));
  }
  return notes;
}

}  // namespace weft::api
