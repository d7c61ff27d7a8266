// FNV-1a (Fowler, Noll, Vo), 64 bits: equality is all that is asked of it.
#pragma once

#include <cstdint>
#include <string_view>

namespace weft::base {

inline constexpr uint64_t kNoFingerprint = 0xcbf29ce484222325;  // of no text

// Of what has the fingerprint `before`, followed by the text.
constexpr uint64_t fingerprint_of(std::string_view text, uint64_t before = kNoFingerprint) {
  uint64_t hash = before;
  for (const char byte : text) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  return hash;
}

}  // namespace weft::base
