// A class is the list of the rules whose peer matches: what it allows depends
// only on the traffic. Its cells cut the kinds of traffic into pieces in which
// always the same rules match.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "model/group.h"

namespace weft::datapath {

// What of a rule its class depends on.
struct ClassRule {
  uint64_t number = 0;  // of the rule's id: the order among rules
  std::optional<uint8_t> protocol = {};
  uint16_t first = 0;
  uint16_t last = 65535;
  std::optional<base::WallTime> until = {};
  model::OnRevoke on_revoke = model::OnRevoke::Cut;

  auto operator<=>(const ClassRule&) const = default;
};
using RuleClass = std::vector<ClassRule>;  // sorted by number, none twice

// One piece of the traffic, as a prefix over (protocol, zero, selector): 0 bits
// is all traffic, 16 a protocol, 17 to 32 an aligned block of its selectors.
// `chain` has the numbers of the rules to try in order: each lives longer than
// all before it, so that the first that is alive is the lowest that is.
struct Cell {
  uint32_t length = 0;
  uint8_t protocol = 0;
  uint16_t selector = 0;
  std::vector<uint64_t> chain = {};
  bool operator==(const Cell&) const = default;
};

std::vector<Cell> cells_of(const RuleClass& rules);

}  // namespace weft::datapath
