#include "datapath/rule_class.h"

#include <algorithm>
#include <bit>
#include <set>

namespace weft::datapath {

namespace {

std::vector<uint64_t> chain_of(const std::vector<const ClassRule*>& rules) {
  std::vector<uint64_t> chain;
  std::optional<base::WallTime> reached;
  for (const ClassRule* rule : rules) {
    if (reached && rule->until && *rule->until <= *reached) continue;
    chain.push_back(rule->number);
    if (!rule->until) break;
    reached = rule->until;
  }
  return chain;
}

// Cuts [first, last] into aligned blocks, as prefixes are.
template <class Block>
void for_each_block(uint32_t first, uint32_t last, Block block) {
  while (first <= last) {
    const int aligned = first == 0 ? 16 : std::countr_zero(first);
    int bits = std::min(aligned, 16);
    while (first + (1u << bits) - 1 > last) --bits;
    block(static_cast<uint16_t>(first), static_cast<uint32_t>(32 - bits));
    first += 1u << bits;
  }
}

void add_protocol(uint8_t protocol, const RuleClass& rules, std::vector<Cell>& cells) {
  std::set<uint32_t> edges{0, 65536};
  for (const ClassRule& rule : rules) {
    if (rule.protocol != protocol) continue;
    edges.insert(rule.first);
    edges.insert(uint32_t{rule.last} + 1);
  }
  struct Interval {
    uint32_t first, last;
    std::vector<uint64_t> chain;
  };
  std::vector<Interval> intervals;
  for (auto edge = edges.begin(); std::next(edge) != edges.end(); ++edge) {
    const uint32_t first = *edge, last = *std::next(edge) - 1;
    std::vector<const ClassRule*> matching;
    size_t own = 0;
    for (const ClassRule& rule : rules) {
      if (rule.protocol && (*rule.protocol != protocol || rule.first > first || rule.last < last)) continue;
      matching.push_back(&rule);
      own += rule.protocol.has_value();
    }
    if (own == 0) continue;  // the cell of all traffic serves here
    auto chain = chain_of(matching);
    if (!intervals.empty() && intervals.back().last + 1 == first && intervals.back().chain == chain) {
      intervals.back().last = last;
    } else {
      intervals.push_back({first, last, std::move(chain)});
    }
  }
  for (const Interval& interval : intervals) {
    for_each_block(interval.first, interval.last, [&](uint16_t selector, uint32_t length) {
      cells.push_back({.length = length, .protocol = protocol, .selector = selector, .chain = interval.chain});
    });
  }
}

}  // namespace

std::vector<Cell> cells_of(const RuleClass& rules) {
  std::vector<Cell> cells;
  std::vector<const ClassRule*> of_all_traffic;
  std::set<uint8_t> protocols;
  for (const ClassRule& rule : rules) {
    if (rule.protocol) {
      protocols.insert(*rule.protocol);
    } else {
      of_all_traffic.push_back(&rule);
    }
  }
  if (!of_all_traffic.empty()) cells.push_back({.chain = chain_of(of_all_traffic)});
  for (const uint8_t protocol : protocols) add_protocol(protocol, rules, cells);
  return cells;
}

}  // namespace weft::datapath
