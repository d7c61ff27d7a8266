// The nftables of a network namespace, by the program nft.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace weft::os {

// One transaction of JSON commands (libnftables-json(5)): all of it or nothing.
Result<> run_nft(const Fd& netns, const std::string& commands);

// A fingerprint of an inet table and one chain of it, as the kernel shows them: another
// one after whatever was done to them, and for those that are made anew. Nothing if
// one of the two isn't there.
Result<std::optional<uint64_t>> read_nft_table(const Fd& netns, const std::string& table, const std::string& chain);

// Grows with every transaction in the namespace, whoever makes it.
Result<uint32_t> read_nft_generation(const Fd& netns);

}  // namespace weft::os
