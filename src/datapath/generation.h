// How a `versioned` word (bpf/abi.h) that lies in an array changes while packets
// are judged. An array's entry is overwritten in place, word by word in any order,
// and a reader may see any part of it. So a change takes steps: in each, what is
// overwritten isn't what a reader looks at, if it reads `after`, then `generation`,
// then `before`.
#pragma once

#include <array>

#include "bpf/abi.h"

namespace weft::datapath {

// What is written in turn, before the generation moves to `generation`. Whoever
// judges by an older one sees `before` throughout, from the next one on `after`.
inline std::array<abi::versioned, 3> steps_of_change(uint32_t before, uint32_t after, uint32_t generation) {
  return {{{before, before, generation - 1}, {before, before, generation}, {before, after, generation}}};
}

// As the programs read it.
inline uint32_t at_generation(const abi::versioned& value, uint32_t generation) {
  return static_cast<int32_t>(generation - value.generation) >= 0 ? value.after : value.before;
}

}  // namespace weft::datapath
