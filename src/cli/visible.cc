#include "cli/visible.h"

#include <fmt/core.h>

namespace weft::cli {

namespace {

constexpr std::string_view kCut = "...";

// How a lead byte starts: its sequence's length and the bits that it carries.
struct Lead {
  size_t bytes;
  uint32_t bits;
  uint32_t least;  // a shorter form of a smaller point is not valid
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, byte, 0};
  if ((byte & 0xe0) == 0xc0) return {2, byte & 0x1fu, 0x80};
  if ((byte & 0xf0) == 0xe0) return {3, byte & 0x0fu, 0x800};
  if ((byte & 0xf8) == 0xf0) return {4, byte & 0x07u, 0x10000};
  return {0, 0, 0};
}

std::string escape(const Character& c) {
  switch (c.point) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  return c.point <= 0xff ? fmt::format("\\x{:02x}", c.point) : fmt::format("\\u{:04x}", c.point);
}

}  // namespace

Character first_character(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const Character broken{.point = byte(0), .bytes = 1, .valid = false};
  const Lead lead = lead_of(byte(0));
  if (lead.bytes == 0 || lead.bytes > text.size()) return broken;
  uint32_t point = lead.bits;
  for (size_t i = 1; i < lead.bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return broken;
    point = (point << 6) | (byte(i) & 0x3fu);
  }
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < lead.least || surrogate || point > 0x10ffff) return broken;
  return {.point = point, .bytes = lead.bytes, .valid = true};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Character c = first_character(text);
    if (!c.valid) return false;
    text.remove_prefix(c.bytes);
  }
  return true;
}

bool is_control(uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x061c || point == 0x200e || point == 0x200f ||
         (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

std::string visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character c = first_character(text);
    if (c.valid && !is_control(c.point)) {
      out += text.substr(0, c.bytes);
    } else {
      out += escape(c);
    }
    text.remove_prefix(c.bytes);
  }
  return out;
}

size_t width_of(std::string_view text) {
  size_t width = 0;
  for (; !text.empty(); ++width) text.remove_prefix(first_character(text).bytes);
  return width;
}

std::string cut(std::string_view text, size_t width) {
  if (width_of(text) <= width) return std::string(text);
  if (width <= kCut.size()) return std::string(kCut.substr(0, width));
  std::string_view rest = text;
  for (size_t kept = 0; kept < width - kCut.size(); ++kept) rest.remove_prefix(first_character(rest).bytes);
  return std::string(text.substr(0, text.size() - rest.size())) + std::string(kCut);
}

}  // namespace weft::cli
