#include "datapath/generation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace weft::datapath {
namespace {

using Field = uint32_t abi::versioned::*;
constexpr Field kFields[] = {&abi::versioned::before, &abi::versioned::after, &abi::versioned::generation};

// Every state of memory on the way through the steps, for every order in which the
// words of each step may be stored.
void for_each_history(const std::vector<abi::versioned>& steps,
                      const std::function<void(const std::vector<abi::versioned>&)>& take,
                      std::vector<abi::versioned> history) {
  if (history.size() > steps.size() * 3 - 3) return take(history);
  const abi::versioned& next = steps[(history.size() - 1) / 3 + 1];
  std::array<size_t, 3> order{0, 1, 2};
  do {
    std::vector<abi::versioned> longer = history;
    for (const size_t field : order) {
      longer.push_back(longer.back());
      longer.back().*kFields[field] = next.*kFields[field];
    }
    for_each_history(steps, take, longer);
  } while (std::next_permutation(order.begin(), order.end()));
}

// Every value that a reader at this generation may get, its three loads spread
// over the history in any way.
void for_each_reading(const std::vector<abi::versioned>& history, uint32_t generation,
                      const std::function<void(uint32_t)>& take) {
  for (size_t i = 0; i < history.size(); ++i) {
    for (size_t j = i; j < history.size(); ++j) {
      for (size_t k = j; k < history.size(); ++k) {
        take(at_generation(
            {.before = history[k].before, .after = history[i].after, .generation = history[j].generation}, generation));
      }
    }
  }
}

TEST(Generation, AChangeIsSeenByNobodyBeforeTheGenerationMoves) {
  for (const uint32_t generation : {7u, 0u, 0x80000000u}) {
    // What an earlier change, whole or cut short by a crash after it, may have left.
    const std::vector<abi::versioned> left{
        {50, 60, generation - 1}, {60, 60, generation - 3}, {1, 60, generation - 100}};
    for (const abi::versioned& first : left) {
      std::vector<abi::versioned> steps{first};
      for (const abi::versioned& step : steps_of_change(60, 70, generation)) steps.push_back(step);
      for_each_history(steps,
                       [&](const std::vector<abi::versioned>& history) {
                         for_each_reading(history, generation - 1, [](uint32_t seen) { ASSERT_EQ(seen, 60u); });
                         ASSERT_EQ(at_generation(history.back(), generation), 70u);
                       },
                       {first});
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace weft::datapath
