#include "cli/show.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/cell.h"
#include "cli/json_text.h"
#include "cli/visible.h"
#include "cli/yaml.h"

namespace weft::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string names(const Json& items) {
  std::string out;
  for (const Json& item : items) out += visible(reference_of(item)) + "\n";
  return out;
}

bool is_section(const std::vector<Section>& sections, std::string_view path) {
  return std::any_of(sections.begin(), sections.end(), [&](const Section& s) { return s.path == path; });
}

bool holds_objects(const Json& value) { return value.is_array() && !value.empty() && value.front().is_object(); }

// The object's fields as rows; those of a field in it as "limits.memory".
void add_fields(Table& table, const std::string& prefix, const Json& object, const std::vector<Section>& sections) {
  for (const auto& [key, value] : object.items()) {
    const std::string path = prefix + key;
    if (is_section(sections, path)) continue;
    if (value.is_object()) {
      add_fields(table, path + ".", value, sections);
    } else if (key == "command") {
      table.rows.push_back({path, words_of(value)});
    } else if (holds_objects(value)) {
      for (size_t i = 0; i < value.size(); ++i) add_fields(table, fmt::format("{}.{}.", path, i), value[i], sections);
    } else {
      table.rows.push_back({path, text_of(value)});
    }
  }
}

std::string sign_of(const Json& change) {
  const std::string action = text_of(value_at(change, "action"));
  if (action == "create") return "+";
  return action == "remove" ? "-" : "~";
}

std::string field_line(const Json& field) {
  const std::string before = text_of(value_at(field, "before"));
  const std::string after = text_of(value_at(field, "after"));
  const std::string name = text_of(value_at(field, "field"));
  if (before == kNothing) return fmt::format("    {}: {}\n", visible(name), visible(after));
  return fmt::format("    {}: {} -> {}\n", visible(name), visible(before), visible(after));
}

std::string coloured(const std::string& sign, const std::string& line, Colour colour) {
  if (colour == Colour::Off) return line;
  const char* code = sign == "+" ? "\x1b[32m" : sign == "-" ? "\x1b[31m" : "\x1b[33m";
  return code + line + "\x1b[0m";
}

}  // namespace

Format format_of(std::string_view name) {
  if (name == "wide") return Format::Wide;
  if (name == "json") return Format::Json;
  if (name == "yaml") return Format::Yaml;
  if (name == "name") return Format::Name;
  return Format::Table;
}

bool is_for_programs(Format format) { return format == Format::Json || format == Format::Yaml; }

std::string structured(const Json& value, Format format) {
  return format == Format::Yaml ? to_yaml(value) : to_json_text(value, Layout::Pretty) + "\n";
}

std::string show_list(const Json& items, const std::vector<Column>& columns, const View& view) {
  if (is_for_programs(view.format)) return structured(items, view.format);
  if (view.format == Format::Name) return names(items);
  const bool wide = view.format == Format::Wide;
  Table table;
  for (const Column& column : columns) {
    if (wide || column.shown == Shown::Table) table.titles.emplace_back(column.title);
  }
  for (const Json& item : items) {
    auto& row = table.rows.emplace_back();
    for (const Column& column : columns) {
      if (wide || column.shown == Shown::Table) row.push_back(cell_of(item, column, view.now));
    }
  }
  Screen screen = view.screen;
  if (wide) screen.width = 0;
  return to_text(table, screen);
}

std::string show_object(const Json& object, const std::vector<Section>& sections, const View& view) {
  if (is_for_programs(view.format)) return structured(object, view.format);
  if (view.format == Format::Name) return visible(reference_of(object)) + "\n";
  Table table;
  add_fields(table, "", object, sections);
  std::string out = to_text(table, {.width = 0, .colour = view.screen.colour});
  for (const Section& section : sections) {
    const Json& items = value_at(object, section.path);
    if (!items.is_array() || items.empty()) continue;
    out += fmt::format("\n{}:\n", section.title) + show_list(items, section.columns, view);
  }
  return out;
}

std::string show_changes(const Json& changes, Colour colour) {
  std::string out;
  for (const Json& change : changes) {
    const std::string sign = sign_of(change);
    const std::string name = text_of(value_at(change, "name"));
    const std::string shown = name == kNothing ? text_of(value_at(change, "id")) : name;
    out += coloured(sign, fmt::format("{} {} {}", sign, visible(text_of(value_at(change, "kind"))), visible(shown)),
                    colour);
    out += "\n";
    if (sign == "-") continue;
    for (const Json& field : value_at(change, "fields")) out += field_line(field);
  }
  return out;
}

}  // namespace weft::cli
