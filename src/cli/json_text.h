// JSON as it is printed. Safe on a terminal: what could control it is written
// as an escape, which every JSON parser reads back.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace weft::cli {

enum class Layout {
  Pretty,  // indented by two
  Line,    // on one line
};

std::string to_json_text(const nlohmann::ordered_json& value, Layout layout);

}  // namespace weft::cli
