#include "model/budget.h"

#include <algorithm>

#include "base/check.h"

namespace weft::model {

namespace {

constexpr uint64_t kBlocksOfAnEdge = 16;  // bits of a port

}  // namespace

PolicyBudget::Rules& PolicyBudget::Rules::operator+=(const Rules& more) {
  rules += more.rules;
  entries += more.entries;
  kinds += more.kinds;
  ending += more.ending;
  ending_entries += more.ending_entries;
  return *this;
}
PolicyBudget::Rules& PolicyBudget::Rules::operator-=(const Rules& less) {
  rules -= less.rules;
  entries -= less.entries;
  kinds -= less.kinds;
  ending -= less.ending;
  ending_entries -= less.ending_entries;
  return *this;
}

PolicyBudget::Rules PolicyBudget::rules_of(const Rule& rule, size_t prefixes) {
  const Traffic& traffic = rule.traffic;
  const bool whole = !traffic.protocol || (traffic.first == 0 && traffic.last == 65535);
  const bool one_port = traffic.protocol && traffic.first == traffic.last;
  // A single port's two edges share their blocks.
  const uint64_t edges = whole ? 0 : one_port ? 1 : 2;
  const bool ending = rule.until && !one_port;
  return {.rules = 1,
          .entries = prefixes,
          .kinds = prefixes * (1 + edges * kBlocksOfAnEdge),
          .ending = ending ? 1u : 0u,
          .ending_entries = ending ? prefixes : 0};
}

// A rule is one choice in each of its classes. One that ends is another with each thing
// that may come after it: at most in each interval of the class, of which a rule makes
// two. All its classes together have no more rules than the set has entries, and each
// of them no more than the set has rules.
uint64_t PolicyBudget::choices_of(const Rules& set) {
  return set.entries + 2 * std::min(set.ending * set.entries, set.ending_entries * set.rules);
}

void PolicyBudget::count(const Rules& set) {
  used_.entries += set.entries;
  used_.kinds += set.kinds;
  used_.choices += choices_of(set);
}

void PolicyBudget::discount(const Rules& set) {
  used_.entries -= set.entries;
  used_.kinds -= set.kinds;
  used_.choices -= choices_of(set);
}

void PolicyBudget::refer_to(const GroupId& group) {
  if (references_[group]++ == 0) ++used_.groups;
}

void PolicyBudget::forget(const GroupId& group) {
  const auto found = references_.find(group);
  CHECK(found != references_.end());
  if (--found->second > 0) return;
  references_.erase(found);
  --used_.groups;
}

void PolicyBudget::add(const Rule& rule, size_t prefixes) {
  Group& group = groups_[rule.group];
  const Rules more = rules_of(rule, prefixes);
  group.rules += more;
  const auto* peer = std::get_if<GroupId>(&rule.peer);
  const bool first = peer != nullptr && group.peers[*peer]++ == 0;
  if (group.sets.empty()) return;
  ++used_.rules;
  if (first) refer_to(*peer);
  for (const uint64_t number : group.sets) {
    Set& set = sets_.at(number);
    discount(set.rules);
    set.rules += more;
    count(set.rules);
  }
}

void PolicyBudget::remove(const Rule& rule, size_t prefixes) {
  const auto found = groups_.find(rule.group);
  CHECK(found != groups_.end());
  Group& group = found->second;
  const Rules less = rules_of(rule, prefixes);
  group.rules -= less;
  const auto* peer = std::get_if<GroupId>(&rule.peer);
  const bool last = peer != nullptr && --group.peers[*peer] == 0;
  if (last) group.peers.erase(*peer);
  if (group.sets.empty()) {
    if (group.rules == Rules{}) groups_.erase(found);
    return;
  }
  --used_.rules;
  if (last) forget(*peer);
  for (const uint64_t number : group.sets) {
    Set& set = sets_.at(number);
    discount(set.rules);
    set.rules -= less;
    count(set.rules);
  }
}

void PolicyBudget::add(const GroupSet& groups) {
  const auto [entry, fresh] = numbers_.try_emplace(groups, next_number_);
  if (!fresh) {
    ++sets_.at(entry->second).tnis;
    return;
  }
  Set& set = sets_[next_number_];
  set.tnis = 1;
  for (const GroupId& id : groups) {
    Group& group = groups_[id];
    const bool idle = group.sets.empty();
    if (!group.sets.insert(next_number_).second) continue;  // named twice
    set.rules += group.rules;
    refer_to(id);
    if (!idle) continue;
    used_.rules += group.rules.rules;
    for (const auto& [peer, rules] : group.peers) refer_to(peer);
  }
  ++used_.sets;
  count(set.rules);
  ++next_number_;
}

void PolicyBudget::remove(const GroupSet& groups) {
  const auto found = numbers_.find(groups);
  CHECK(found != numbers_.end());
  const auto entry = sets_.find(found->second);
  if (--entry->second.tnis > 0) return;
  for (const GroupId& id : groups) {
    const auto member = groups_.find(id);
    if (member == groups_.end() || member->second.sets.erase(entry->first) == 0) continue;  // named twice
    const Group& group = member->second;
    forget(id);
    if (!group.sets.empty()) continue;
    used_.rules -= group.rules.rules;
    for (const auto& [peer, rules] : group.peers) forget(peer);
    if (group.rules == Rules{}) groups_.erase(member);
  }
  --used_.sets;
  discount(entry->second.rules);
  sets_.erase(entry);
  numbers_.erase(found);
}

}  // namespace weft::model
