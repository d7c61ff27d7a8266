// Why an object is as it is, and what is there because of it.
#pragma once

#include "api/backend.h"
#include "weft/v1/diagnosis.pb.h"

namespace weft::api {

v1::ExplainAnswer explain(const Backend& backend, const model::AnyId& id);

}  // namespace weft::api
