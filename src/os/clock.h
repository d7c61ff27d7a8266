// What pure code takes as parameters: the two clocks and a seed.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace weft::os {

base::WallTime now_wall();
base::BootTime now_boot();

// For base::Rng. From the kernel's generator; not for keys.
uint64_t random_seed();

}  // namespace weft::os
