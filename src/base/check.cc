#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace weft::base {

void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "weft: %s:%d: invariant broken: %s\n", file, line, condition);
  std::abort();
}

}  // namespace weft::base
