// Backoff: how long to wait before what failed is tried again. Each wait is
// twice the one before, up to the longest; success starts from the first.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/time.h"

namespace weft::reconcile {

class Backoff {
 public:
  struct Options {
    base::Duration first = std::chrono::milliseconds(100);
    base::Duration longest = std::chrono::seconds(30);
  };
  explicit Backoff(Options options) : options_(options), wait_(options.first) {}

  base::Duration next() {
    const base::Duration wait = wait_;
    wait_ = std::min(wait_ * 2, options_.longest);
    return wait;
  }
  void reset() { wait_ = options_.first; }

 private:
  Options options_;
  base::Duration wait_;
};

}  // namespace weft::reconcile
