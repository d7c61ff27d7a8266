// The nftables of a network namespace, by the program nft.
#pragma once

#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace weft::os {

// One transaction of JSON commands (libnftables-json(5)): all of it or nothing.
Result<> run_nft(const Fd& netns, const std::string& commands);

// Grows with every transaction in the namespace, whoever makes it.
Result<uint32_t> read_nft_generation(const Fd& netns);

}  // namespace weft::os
