// Two clocks, two types. A WallTime can jump (the user's deadlines are told in
// it); a BootTime cannot, goes on while the machine sleeps (CLOCK_BOOTTIME) and
// is what the data path judges deadlines by. Both are parameters, never read
// inside pure code.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace weft::base {

using Duration = std::chrono::nanoseconds;

struct WallTime {
  int64_t ns = 0;  // since 1970-01-01T00:00:00Z
  auto operator<=>(const WallTime&) const = default;
  friend WallTime operator+(WallTime t, Duration d) { return {t.ns + d.count()}; }
  friend Duration operator-(WallTime a, WallTime b) { return Duration(a.ns - b.ns); }
};

struct BootTime {
  int64_t ns = 0;  // since the machine started
  auto operator<=>(const BootTime&) const = default;
  friend BootTime operator+(BootTime t, Duration d) { return {t.ns + d.count()}; }
  friend Duration operator-(BootTime a, BootTime b) { return Duration(a.ns - b.ns); }
};

}  // namespace weft::base
