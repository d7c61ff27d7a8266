#include "cli/json_text.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/visible.h"

namespace weft::cli {

std::string to_json_text(const nlohmann::ordered_json& value, Layout layout) {
  const std::string text =
      value.dump(layout == Layout::Pretty ? 2 : -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  // dump() escapes C0 inside strings; the rest that is_control() knows stands
  // there as it is, and only ever inside strings.
  std::string out;
  out.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const Character c = first_character(rest);
    if (c.point > 0x20 && is_control(c.point)) {
      out += fmt::format("\\u{:04x}", c.point);
    } else {
      out += rest.substr(0, c.bytes);
    }
    rest.remove_prefix(c.bytes);
  }
  return out;
}

}  // namespace weft::cli
