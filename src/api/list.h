// Lists of what lives in VPCs: of one, or of all, in the order in which people look.
#pragma once

#include "api/method.h"
#include "api/resolve.h"
#include "api/view.h"

namespace weft::api {

// `show` makes an item of a T.
template <class T, class Answer, class Show>
Result<Answer> list_in_vpc(const Asked& asked, const v1::ListRequest& request, Show show) {
  model::VpcId only;
  if (!request.vpc().empty()) only = TRY(resolve_vpc(asked.draft, request.vpc()).in_field("vpc"));
  Answer answer;
  for (const auto& [id, object] : asked.backend.state().all<T>()) {
    if (only.empty() || object.vpc == only) *answer.add_items() = show(object);
  }
  sort_by_name(*answer.mutable_items());
  return answer;
}

}  // namespace weft::api
