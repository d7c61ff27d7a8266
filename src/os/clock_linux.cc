#include <sys/random.h>
#include <time.h>

#include "base/check.h"
#include "os/clock.h"

namespace weft::os {

namespace {

int64_t nanoseconds(clockid_t clock) {
  timespec now{};
  CHECK(clock_gettime(clock, &now) == 0);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

base::WallTime now_wall() { return {nanoseconds(CLOCK_REALTIME)}; }
base::BootTime now_boot() { return {nanoseconds(CLOCK_BOOTTIME)}; }

uint64_t random_seed() {
  uint64_t seed = 0;
  // Up to 256 bytes come whole once the generator is seeded (getrandom(2)).
  CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

}  // namespace weft::os
