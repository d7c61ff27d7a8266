// Text from elsewhere made safe to show: a name or a log line must not be able
// to move the cursor, hide itself or turn the reading direction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::cli {

// One character of UTF-8 (RFC 3629). Not valid: one byte, and its value.
struct Character {
  uint32_t point = 0;
  size_t bytes = 1;
  bool valid = false;
};
Character first_character(std::string_view text);  // of a text that isn't empty
bool is_utf8(std::string_view text);

// C0, DEL, C1, line and paragraph separators, and all that sets the direction.
bool is_control(uint32_t point);

// Controls and bytes that aren't UTF-8 become \n, \t, \x1b or \u202e.
std::string visible(std::string_view text);

// Columns on a terminal, of text that is visible(): one for each character.
size_t width_of(std::string_view text);
// At most so many columns; what is cut ends in "...".
std::string cut(std::string_view text, size_t width);

}  // namespace weft::cli
