// What a command line asks of weftd: the request's JSON, field by field as the
// table says.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "cli/parse.h"

namespace weft::cli {

// One request; several for a command that takes each of its arguments by itself.
std::vector<nlohmann::ordered_json> requests_of(const Given& given);

}  // namespace weft::cli
