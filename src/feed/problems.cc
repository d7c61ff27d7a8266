#include "feed/problems.h"

#include <algorithm>

#include "base/text.h"

namespace weft::feed {

namespace {

void cut(std::string& text) {
  constexpr std::string_view kEllipsis = "...";
  if (text.size() <= kMostProblemBytes) return;
  text.resize(base::beginning(text, kMostProblemBytes - kEllipsis.size()).size());
  text += kEllipsis;
}

}  // namespace

std::vector<api::Problem> problems_to_tell(std::vector<api::Problem> all) {
  std::erase_if(all, [](const auto& problem) { return problem.told != api::Told::WithAnswers; });
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.id.empty() != b.id.empty() ? a.id.empty() : a.since > b.since;
  });
  if (all.size() > kMostProblems) {
    all.resize(kMostProblems);
    all.back() = {.id = {}, .what = "more doesn't hold than is told here (weft status)", .since = all.back().since};
  }
  for (api::Problem& problem : all) cut(problem.what);
  return all;
}

}  // namespace weft::feed
