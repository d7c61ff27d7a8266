// CHECK(condition): an invariant that only our own bug can break. It stays on
// in production: going on with a broken invariant would be a guess.
#pragma once

namespace weft::base {
[[noreturn]] void check_failed(const char* file, int line, const char* condition);
}

#define CHECK(condition)                                          \
  do {                                                            \
    if (!(condition)) [[unlikely]] {                              \
      ::weft::base::check_failed(__FILE__, __LINE__, #condition); \
    }                                                             \
  } while (false)
