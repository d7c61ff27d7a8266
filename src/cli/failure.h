// An Error as the user reads it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace weft::cli {

// "weft: subnet create: 10.0.0.0/24 overlaps ...", on one line, with what to do
// about it where that is known.
std::string failure_text(const Error& error);
// {"error":{"code","message","field","holder"}}
std::string failure_json(const Error& error);

}  // namespace weft::cli
