#include "cli/failure.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/visible.h"

namespace weft::cli {

namespace {

// The holder, where the message doesn't name it already.
std::string holder_of(const Error& error) {
  if (error.holder.empty() || error.what.find(error.holder) != std::string::npos) return {};
  return fmt::format(" (held by {})", error.holder);
}

// The field, where the message doesn't name it or its flag: a message is often about a
// value. That of the object itself says nothing more.
std::string field_of(const Error& error) {
  const std::string last = error.field.substr(error.field.rfind('.') + 1);
  const auto says = [&](std::string_view word) {
    const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
    return std::search(error.what.begin(), error.what.end(), word.begin(), word.end(), same) != error.what.end();
  };
  if (last.empty() || last == "name" || says(last) || says("--")) return {};
  return fmt::format(" (in {})", error.field);
}

}  // namespace

std::string failure_text(const Error& error) {
  return fmt::format("weft: {}{}{}\n", visible(error.what), visible(field_of(error)), visible(holder_of(error)));
}

std::string failure_json(const Error& error) {
  const nlohmann::ordered_json json = {{"error",
                                        {{"code", std::string(base::name_of(error.code))},
                                         {"message", error.what},
                                         {"field", error.field},
                                         {"holder", error.holder}}}};
  return to_json_text(json, Layout::Line) + "\n";
}

}  // namespace weft::cli
