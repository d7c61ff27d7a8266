// JSON values as YAML (1.2, block style). What it writes reads back as the same
// value by YAML 1.1 parsers too: a text that could be taken for something else
// is quoted.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace weft::cli {

// Ends with a newline.
std::string to_yaml(const nlohmann::ordered_json& value);

// Whether a text may stand without quotes.
bool is_plain(std::string_view text);

}  // namespace weft::cli
