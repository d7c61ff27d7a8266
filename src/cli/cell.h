// From an answer's JSON to the text of one cell.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/time.h"
#include "cli/commands.h"

namespace weft::cli {

// What an empty cell shows.
inline constexpr std::string_view kNothing = "-";

// The value at a path such as "limits.memory"; null where there is none.
const nlohmann::ordered_json& value_at(const nlohmann::ordered_json& item, std::string_view path);

std::string cell_of(const nlohmann::ordered_json& item, const Column& column, base::WallTime now);

// A scalar, or a list of scalars with commas between them.
std::string text_of(const nlohmann::ordered_json& value);

// "5m", "3h", "12d": how long ago; as it stands when it isn't a time.
std::string age_of(std::string_view time, base::WallTime now);

// A command as it could be typed into a shell.
std::string words_of(const nlohmann::ordered_json& words);

// "running 5m", "exited (1) 2m ago", of a workload's status.
std::string run_state_of(const nlohmann::ordered_json& status, base::WallTime now);

// The name that can be given to other commands: "shop/db", "web".
std::string reference_of(const nlohmann::ordered_json& item);

}  // namespace weft::cli
