#include "cli/yaml.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/visible.h"

namespace weft::cli {

namespace {

using Json = nlohmann::ordered_json;

// Words that YAML 1.1 or 1.2 reads as something other than text.
constexpr std::array<std::string_view, 12> kWords = {"null", "true", "false", "yes", "no",   "on",
                                                     "off",  "y",    "n",     "nan", "none", "inf"};

bool is_word(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

// Letters and what names, addresses and traffic are made of. A ':' or '#' only
// means something next to a space, and those are quoted all the same.
bool is_plain_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./").find(c) != std::string_view::npos;
}

std::string scalar(const Json& value) {
  if (value.is_string() && is_plain(value.get_ref<const std::string&>())) return value.get<std::string>();
  // A JSON string is a YAML double-quoted one.
  return to_json_text(value, Layout::Line);
}

bool is_block(const Json& value) { return value.is_structured() && !value.empty(); }

void write(std::string& out, const Json& value, size_t indent);

void write_object(std::string& out, const Json& value, size_t indent) {
  bool first = true;
  for (const auto& [key, inner] : value.items()) {
    if (!first) out.append(indent, ' ');
    first = false;
    out += scalar(Json(key)) + ":";
    if (is_block(inner)) {
      out += "\n" + std::string(indent + 2, ' ');
      write(out, inner, indent + 2);
    } else {
      out += " ";
      write(out, inner, indent);
    }
  }
}

void write_list(std::string& out, const Json& value, size_t indent) {
  bool first = true;
  for (const Json& inner : value) {
    if (!first) out.append(indent, ' ');
    first = false;
    out += "- ";
    write(out, inner, indent + 2);
  }
}

// The place where it starts is indented already.
void write(std::string& out, const Json& value, size_t indent) {
  if (!is_block(value)) {
    out += scalar(value) + "\n";
  } else if (value.is_object()) {
    write_object(out, value, indent);
  } else {
    write_list(out, value, indent);
  }
}

}  // namespace

bool is_plain(std::string_view text) {
  if (text.empty() || is_word(text)) return false;
  const char first = text.front();
  const bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '/';
  return letter && std::all_of(text.begin(), text.end(), is_plain_byte);
}

std::string to_yaml(const Json& value) {
  std::string out;
  write(out, value, 0);
  return out;
}

}  // namespace weft::cli
