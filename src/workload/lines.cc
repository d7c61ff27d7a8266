#include "workload/lines.h"

#include "base/text.h"

namespace weft::workload {

using base::Code;

namespace {

bool is_key(std::string_view text) {
  return !text.empty() && text.size() <= 32 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

Result<std::string> unescape(std::string_view text) {
  std::string value;
  value.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return error(Code::Usage, "a NUL byte");
    if (text[i] != '\\') {
      value += text[i];
      continue;
    }
    if (++i == text.size()) return error(Code::Usage, "an escape without an end");
    switch (text[i]) {
      case 'n': value += '\n'; break;
      case '\\': value += '\\'; break;
      default: return error(Code::Usage, "an unknown escape");
    }
  }
  return value;
}

Result<Line> parse_line(std::string_view text) {
  const size_t space = text.find(' ');
  const std::string_view key = text.substr(0, space);
  if (space == std::string_view::npos || !is_key(key)) {
    return error(Code::Usage, "{} is not KEY VALUE", base::printable(text));
  }
  std::string value = TRY(unescape(text.substr(space + 1)).in_field(key));
  return Line{std::string(key), std::move(value)};
}

}  // namespace

void append_line(std::string& text, std::string_view key, std::string_view value) {
  text += key;
  text += ' ';
  for (const char c : value) {
    switch (c) {
      case '\n': text += "\\n"; break;
      case '\\': text += "\\\\"; break;
      default: text += c;
    }
  }
  text += '\n';
}

void append_line(std::string& text, std::string_view key, int64_t value) {
  append_line(text, key, std::to_string(value));
}

Result<std::vector<Line>> parse_lines(std::string_view text) {
  if (text.size() > kMostTextBytes) return error(Code::Limit, "longer than {} bytes", kMostTextBytes);
  if (!text.empty() && text.back() != '\n') return error(Code::Usage, "the last line has no end");
  std::vector<Line> lines;
  while (!text.empty()) {
    if (lines.size() == kMostLines) return error(Code::Limit, "more than {} lines", kMostLines);
    const size_t end = text.find('\n');
    lines.push_back(TRY(parse_line(text.substr(0, end)).within(fmt::format("line {}", lines.size() + 1))));
    text.remove_prefix(end + 1);
  }
  return lines;
}

Result<std::optional<std::string>> find_value(const std::vector<Line>& lines, std::string_view key) {
  std::optional<std::string> found;
  for (const Line& line : lines) {
    if (line.key != key) continue;
    if (found) return error(Code::Usage, "{} stands there twice", key).in_field(key);
    found = line.value;
  }
  return found;
}

Result<std::string> get_value(const std::vector<Line>& lines, std::string_view key) {
  auto found = TRY(find_value(lines, key));
  if (!found) return error(Code::Usage, "{} is missing", key).in_field(key);
  return std::move(*found);
}

}  // namespace weft::workload
