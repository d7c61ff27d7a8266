#include "datapath/rule_class.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "bpf/abi.h"

namespace weft::datapath {

namespace {

// Rules that match, in the order of their numbers.
using Matching =
    std::set<const ClassRule*, decltype([](const ClassRule* a, const ClassRule* b) { return a->number < b->number; })>;

std::vector<uint64_t> chain_of(const Matching& rules) {
  std::vector<uint64_t> chain;
  const ClassRule* last = nullptr;  // of the chain: the one that lives longest so far
  const auto outlives = [&](const ClassRule* rule) {
    return last == nullptr || (last->until && (!rule->until || *rule->until > *last->until));
  };
  for (const ClassRule* rule : rules) {
    if (!outlives(rule)) continue;
    // Only so many are tried: the place of the last is for the one that outlives all.
    if (chain.size() == abi::LONGEST_CHAIN) chain.pop_back();
    chain.push_back(rule->number);
    last = rule;
    if (!rule->until) break;
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

// From edge to edge always the same rules match.
void add_protocol(uint8_t protocol, const RuleClass& rules, const Matching& of_all_traffic, std::vector<Cell>& cells) {
  struct Edge {
    std::vector<const ClassRule*> begin, end;
  };
  std::map<uint32_t, Edge> edges;
  for (const ClassRule& rule : rules) {
    if (rule.protocol != protocol) continue;
    edges[rule.first].begin.push_back(&rule);
    edges[uint32_t{rule.last} + 1].end.push_back(&rule);
  }
  struct Interval {
    uint32_t first, last;
    std::vector<uint64_t> chain;
  };
  std::vector<Interval> intervals;
  Matching matching = of_all_traffic;
  for (auto edge = edges.begin(); std::next(edge) != edges.end(); ++edge) {
    for (const ClassRule* rule : edge->second.end) matching.erase(rule);
    matching.insert(edge->second.begin.begin(), edge->second.begin.end());
    if (matching.size() == of_all_traffic.size()) continue;  // the cell of all traffic serves here
    const uint32_t first = edge->first, last = std::next(edge)->first - 1;
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
  Matching of_all_traffic;
  std::set<uint8_t> protocols;
  for (const ClassRule& rule : rules) {
    if (rule.protocol) {
      protocols.insert(*rule.protocol);
    } else {
      of_all_traffic.insert(&rule);
    }
  }
  if (!of_all_traffic.empty()) cells.push_back({.chain = chain_of(of_all_traffic)});
  for (const uint8_t protocol : protocols) add_protocol(protocol, rules, of_all_traffic, cells);
  return cells;
}

}  // namespace weft::datapath
