#include "model/budget.h"

namespace weft::model {

namespace {

constexpr uint64_t kBlocksOfAnEdge = 16;  // bits of a port

PolicySize share_of(const PolicySize& group, uint64_t sets) {
  return {.entries = group.entries * sets, .kinds = group.kinds * sets, .rules = sets > 0 ? group.rules : 0};
}

PolicySize& operator+=(PolicySize& size, const PolicySize& more) {
  size.entries += more.entries;
  size.kinds += more.kinds;
  size.rules += more.rules;
  return size;
}
PolicySize& operator-=(PolicySize& size, const PolicySize& less) {
  size.entries -= less.entries;
  size.kinds -= less.kinds;
  size.rules -= less.rules;
  return size;
}

}  // namespace

PolicySize PolicyBudget::size_of(const Rule& rule, size_t prefixes) {
  const Traffic& traffic = rule.traffic;
  const bool whole = !traffic.protocol || (traffic.first == 0 && traffic.last == 65535);
  // A single port's two edges share their blocks.
  const uint64_t edges = whole ? 0 : traffic.first == traffic.last ? 1 : 2;
  return {.entries = prefixes, .kinds = prefixes * (1 + edges * kBlocksOfAnEdge), .rules = 1};
}

void PolicyBudget::count(const GroupId& group, const InUse& before, const InUse& after) {
  used_ -= share_of(before.size, before.sets);
  used_ += share_of(after.size, after.sets);
  if (after.size == PolicySize{} && after.sets == 0) {
    groups_.erase(group);
  } else {
    groups_[group] = after;
  }
}

void PolicyBudget::add(const Rule& rule, size_t prefixes) {
  const InUse before = groups_[rule.group];
  InUse after = before;
  after.size += size_of(rule, prefixes);
  count(rule.group, before, after);
}

void PolicyBudget::remove(const Rule& rule, size_t prefixes) {
  const InUse before = groups_[rule.group];
  InUse after = before;
  after.size -= size_of(rule, prefixes);
  count(rule.group, before, after);
}

void PolicyBudget::add(const GroupSet& groups) {
  if (sets_[groups]++ > 0) return;
  for (const GroupId& group : groups) {
    const InUse before = groups_[group];
    count(group, before, {before.size, before.sets + 1});
  }
}

void PolicyBudget::remove(const GroupSet& groups) {
  const auto found = sets_.find(groups);
  if (found == sets_.end() || --found->second > 0) return;
  sets_.erase(found);
  for (const GroupId& group : groups) {
    const InUse before = groups_[group];
    count(group, before, {before.size, before.sets - 1});
  }
}

}  // namespace weft::model
