#include "feed/problems.h"

#include <algorithm>

namespace weft::feed {

namespace {

// Not within a character of UTF-8.
void cut(std::string& text) {
  if (text.size() <= kMostProblemBytes) return;
  constexpr std::string_view kEllipsis = "...";
  size_t end = kMostProblemBytes - kEllipsis.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.replace(end, std::string::npos, kEllipsis);
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
