// Id<Tag>: the identifier of one kind of object. Its text is the kind's prefix,
// a dash and 16 hex digits ("vpc-5f0c9a31e2d47b68"). Ids of different kinds do
// not mix: passing a VpcId where a SubnetId is wanted does not compile.
#pragma once

#include <charconv>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/rng.h"
#include "base/text.h"

namespace weft::base {

template <class Tag>
struct Id {
  std::string text;

  bool empty() const { return text.empty(); }
  auto operator<=>(const Id&) const = default;

  // What the 16 digits say. It must have the shape of an id.
  uint64_t number() const {
    CHECK(looks_like(text));
    uint64_t number = 0;
    std::from_chars(text.data() + text.size() - 16, text.data() + text.size(), number, 16);
    return number;
  }

  // A fresh one. Two ids collide with a probability of 2^-64 a pair.
  static Id make(Rng& rng) { return of(rng.next()); }

  // One of this number.
  static Id of(uint64_t number) { return Id{std::string(Tag::kPrefix) + "-" + hex64(number)}; }

  // Whether the text has the shape of this kind's ids.
  static bool looks_like(std::string_view text) {
    const std::string_view prefix = Tag::kPrefix;
    return text.size() == prefix.size() + 17 && text.starts_with(prefix) && text[prefix.size()] == '-' &&
           is_hex(text.substr(prefix.size() + 1));
  }
};

}  // namespace weft::base

template <class Tag>
struct std::hash<weft::base::Id<Tag>> {
  size_t operator()(const weft::base::Id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.text); }
};
