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
#include <vector>

#include "model/group.h"

namespace weft::model {

struct PolicySize {
  uint64_t entries = 0;  // rules of the sets, once for each peer that they name
  uint64_t kinds = 0;    // blocks of traffic in them
  uint64_t rules = 0;    // different rules
  bool operator==(const PolicySize&) const = default;
};
// Twice as much fits (bpf/abi.h): what goes stays until the new is seen.
inline constexpr PolicySize kLargestPolicy{.entries = 1'000'000, .kinds = 8'000'000, .rules = 130'000};

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
  struct InUse {
    PolicySize size;
    uint64_t sets = 0;  // in use that have the group
  };
  static PolicySize size_of(const Rule& rule, size_t prefixes);
  void count(const GroupId& group, const InUse& before, const InUse& after);

  std::map<GroupId, InUse> groups_;
  std::map<GroupSet, uint64_t> sets_;  // TNIs that have it
  PolicySize used_;
};

}  // namespace weft::model
