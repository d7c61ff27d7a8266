// What the contract names and this version doesn't have yet: as commands, as kinds of
// documents, as flags and as fields. To ask for it is no mistake, it comes too early.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace weft::api {

inline constexpr std::array<std::string_view, 6> kLaterNouns = {"nat",     "eip",     "peering",
                                                                "machine", "service", "ingress"};
inline constexpr std::array<std::string_view, 10> kLaterVerbs = {"publish", "ping",    "capture", "metrics", "backup",
                                                                 "restore", "support", "policy",  "cluster", "upgrade"};

// Of a noun that there is, as flags: a field has '_' for '-'.
inline constexpr std::array<std::string_view, 2> kLaterOfVpc = {"tenant", "block-public"};
inline constexpr std::array<std::string_view, 3> kLaterOfTni = {"rate-in", "rate-out", "mirror"};
inline constexpr std::array<std::string_view, 3> kLaterOfWorkload = {"machine", "image", "vm"};

template <class Words>
bool is_among(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace weft::api
