#include "datapath/rule_class.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace weft::datapath {
namespace {

// What a longest-prefix look-up among the cells finds.
std::optional<uint64_t> ask(const std::vector<Cell>& cells, const RuleClass& rules, uint8_t protocol, uint16_t selector,
                            base::WallTime now) {
  const Cell* best = nullptr;
  for (const Cell& cell : cells) {
    const bool matches =
        cell.length == 0 ||
        (cell.protocol == protocol &&
         (cell.length <= 16 || (selector >> (32 - cell.length)) == (cell.selector >> (32 - cell.length))));
    if (matches && (best == nullptr || cell.length > best->length)) best = &cell;
  }
  if (best == nullptr) return std::nullopt;
  for (const uint64_t number : best->chain) {
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return r.number == number; });
    if (!rule->until || now < *rule->until) return number;
  }
  return std::nullopt;
}

std::optional<uint64_t> lowest_match(const RuleClass& rules, uint8_t protocol, uint16_t selector, base::WallTime now) {
  for (const ClassRule& rule : rules) {
    const bool matches =
        !rule.protocol || (*rule.protocol == protocol && rule.first <= selector && selector <= rule.last);
    if (matches && (!rule.until || now < *rule.until)) return rule.number;
  }
  return std::nullopt;
}

TEST(RuleClass, OnePortIsOneCell) {
  const auto cells = cells_of({{.number = 1, .protocol = 6, .first = 80, .last = 80}});
  ASSERT_EQ(cells.size(), 1u);
  EXPECT_EQ(cells[0], (Cell{.length = 32, .protocol = 6, .selector = 80, .chain = {1}}));
}

TEST(RuleClass, AllTrafficIsOneCellAndAWholeProtocolIsOne) {
  EXPECT_EQ(cells_of({{.number = 1}}), (std::vector<Cell>{{.chain = {1}}}));
  EXPECT_EQ(cells_of({{.number = 1, .protocol = 17}}),
            (std::vector<Cell>{{.length = 16, .protocol = 17, .chain = {1}}}));
}

TEST(RuleClass, AShorterLifeBehindALongerOneIsNeverTried) {
  const base::WallTime soon{10}, late{20};
  const auto cells = cells_of({{.number = 1, .protocol = 6, .until = soon},
                               {.number = 2, .protocol = 6, .until = soon},
                               {.number = 3, .protocol = 6, .until = late},
                               {.number = 4, .protocol = 6},
                               {.number = 5, .protocol = 6}});
  ASSERT_EQ(cells.size(), 1u);
  EXPECT_EQ(cells[0].chain, (std::vector<uint64_t>{1, 3, 4}));
}

RC_GTEST_PROP(RuleClass, CellsSayWhatTheRulesSay, ()) {
  RuleClass rules;
  const auto count = *rc::gen::inRange<size_t>(0, 12);
  for (size_t i = 0; i < count; ++i) {
    ClassRule rule{.number = i + 1};
    if (*rc::gen::inRange(0, 4) != 0) rule.protocol = *rc::gen::element<uint8_t>(1, 6, 17);
    if (rule.protocol && *rc::gen::inRange(0, 3) != 0) {
      rule.first = *rc::gen::element<uint16_t>(0, 1, 7, 80, 1023, 1024, 65535);
      rule.last = std::max(rule.first, *rc::gen::element<uint16_t>(0, 1, 8, 80, 1024, 32767, 65534, 65535));
    }
    if (*rc::gen::inRange(0, 3) == 0) rule.until = base::WallTime{*rc::gen::inRange<int64_t>(1, 5)};
    rules.push_back(rule);
  }
  const auto cells = cells_of(rules);
  for (const uint8_t protocol : std::initializer_list<uint8_t>{1, 6, 17, 47}) {
    for (const uint16_t selector :
         std::initializer_list<uint16_t>{0, 1, 2, 7, 8, 9, 79, 80, 81, 1023, 1024, 1025, 32767, 32768, 65534, 65535}) {
      for (const int64_t now : {0, 1, 2, 3, 4, 5}) {
        RC_ASSERT(ask(cells, rules, protocol, selector, {now}) == lowest_match(rules, protocol, selector, {now}));
      }
    }
  }
}

}  // namespace
}  // namespace weft::datapath
