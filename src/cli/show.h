// Answers as text: the formats of -o.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/time.h"
#include "cli/commands.h"
#include "cli/table.h"

namespace weft::cli {

enum class Format { Table, Wide, Json, Yaml, Name };
Format format_of(std::string_view name);  // empty: Table

struct View {
  Format format = Format::Table;
  Screen screen = {};
  base::WallTime now = {};
};

// Json and Yaml as they are.
bool is_for_programs(Format format);
std::string structured(const nlohmann::ordered_json& value, Format format);

// A list of items in the command's columns.
std::string show_list(const nlohmann::ordered_json& items, const std::vector<Column>& columns, const View& view);
// One object: a line for each field, its sections as tables below.
std::string show_object(const nlohmann::ordered_json& object, const std::vector<Section>& sections, const View& view);
// What a command changes, or would: "+ subnet shop/db", field by field.
std::string show_changes(const nlohmann::ordered_json& changes, Colour colour);

}  // namespace weft::cli
