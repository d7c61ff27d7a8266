// What tells damaged bytes from good ones: the first 16 bytes of SHA-256 over
// the parts, each preceded by its length, so that bytes cannot wander from one
// part into the next. Against accidents, not against an attacker with the file.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace weft::store {

constexpr size_t kChecksumBytes = 16;

std::string checksum(std::initializer_list<std::string_view> parts);

}  // namespace weft::store
