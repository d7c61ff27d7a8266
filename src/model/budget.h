// What the policy of the groups in use takes up in the data path, at most: a pure
// function of the configuration, kept up to date change by change. A machine's tables
// are finite; what would not fit is refused when it is asked for, by name.
//
// Every rule of every group set in use counts once for each of its prefixes
// (datapath/policy.h). Its ports cut the kinds of traffic into aligned blocks: each
// end of a range adds as many as a port has bits.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "model/group.h"

namespace weft::model {

struct PolicySize {
  uint64_t entries = 0;  // rules of the sets, once for each peer that they name
  uint64_t kinds = 0;    // blocks of traffic in them
  uint64_t choices = 0;  // which rule it is, until when
  uint64_t rules = 0;    // different rules
  uint64_t sets = 0;     // combinations of groups that TNIs have
  uint64_t groups = 0;   // in the sets, or named by their rules
  bool operator==(const PolicySize&) const = default;
};
// Twice as much fits (bpf/abi.h): what goes stays until the new is seen.
inline constexpr PolicySize kLargestPolicy{
    .entries = 1'000'000, .kinds = 8'000'000, .choices = 1'000'000, .rules = 130'000, .sets = 8'000, .groups = 32'000};

class PolicyBudget {
 public:
  using GroupSet = std::vector<GroupId>;

  // `prefixes`: how many the rule's peer stands for, 1 if it is no list.
  void add(const Rule& rule, size_t prefixes);
  void remove(const Rule& rule, size_t prefixes);
  // A TNI has, or has no more, these groups.
  void add(const GroupSet& groups);
  void remove(const GroupSet& groups);

  const PolicySize& used() const { return used_; }

 private:
  // Sums over rules: of a group, or of all groups of a set.
  struct Rules {
    uint64_t rules = 0, entries = 0, kinds = 0;
    uint64_t ending = 0, ending_entries = 0;  // rules that end, except those of one port
    Rules& operator+=(const Rules& more);
    Rules& operator-=(const Rules& less);
    bool operator==(const Rules&) const = default;
  };
  struct Group {
    Rules rules;
    std::map<GroupId, uint64_t> peers;  // rules that name them
    std::set<uint64_t> sets;            // in use that have the group, by their numbers
  };
  struct Set {
    Rules rules;
    uint64_t tnis = 0;
  };
  static Rules rules_of(const Rule& rule, size_t prefixes);
  static uint64_t choices_of(const Rules& set);
  void count(const Rules& set);
  void discount(const Rules& set);
  void refer_to(const GroupId& group);
  void forget(const GroupId& group);

  std::map<GroupId, Group> groups_;
  std::map<GroupSet, uint64_t> numbers_;
  std::map<uint64_t, Set> sets_;
  uint64_t next_number_ = 0;
  std::map<GroupId, uint64_t> references_;  // from sets, and from rules of groups in sets
  PolicySize used_;
};

}  // namespace weft::model
