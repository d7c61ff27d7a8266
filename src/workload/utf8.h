// Well-formed UTF-8 (RFC 3629, section 4).
#pragma once

#include <cstddef>
#include <string_view>

namespace weft::workload {

// Bytes of the character that the text begins with; 0 if it begins with none.
size_t utf8_length(std::string_view text);

}  // namespace weft::workload
