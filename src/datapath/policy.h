// The policy compiler: which entries of the policy maps make the data path judge
// as the groups say. It is told what changed and answers what must be written:
// first what nobody sees yet, then the entries that become visible together when
// the generation moves, and at last, when nobody follows the old ones any more,
// what can go.
//
// A table is one direction of one group set in use (abi.h). Its prefixes and its
// identities lead to classes; equal classes are one, whatever tables use them. Each
// rule of a set is in one class for each of its prefixes, so that all entries of a set
// together are no more than its rules name.
#pragma once

#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "bpf/abi.h"
#include "datapath/rule_class.h"
#include "datapath/slots.h"
#include "model/state.h"

namespace weft::datapath {

using GroupSet = std::vector<model::GroupId>;  // sorted

struct PrefixKey {
  uint32_t table;
  net::Prefix prefix;
  auto operator<=>(const PrefixKey&) const = default;
};
struct IdentityKey {
  uint32_t table;
  uint32_t group;
  auto operator<=>(const IdentityKey&) const = default;
};
struct CellKey {
  uint32_t rule_class;
  uint32_t length;  // 0, 16 to 32
  uint8_t protocol;
  uint16_t selector;
  auto operator<=>(const CellKey&) const = default;
};
struct Choice {
  uint32_t rule, next;
  auto operator<=>(const Choice&) const = default;
};
struct RuleRow {
  uint64_t number;
  std::optional<base::WallTime> until;
  model::OnRevoke on_revoke;
  auto operator<=>(const RuleRow&) const = default;
};
struct SetRow {
  uint32_t version = 0;
  bool audited = false;
  bool names_groups = false;
  std::vector<uint32_t> groups = {};  // slots
  bool operator==(const SetRow&) const = default;
};

// During a change what either side needs is there: the groups stay the same.
abi::set set_row(const SetRow& before, const SetRow& after, const abi::versioned& version);

// Everything that the policy maps hold. Class 0 is no rules at all. What there is no
// room for isn't there at all: a set with all its groups, a class with all its rules.
struct PolicyTables {
  std::map<PrefixKey, uint32_t> prefixes;
  std::map<IdentityKey, uint32_t> identities;
  std::map<uint32_t, SetRow> sets;
  std::map<CellKey, uint32_t> cells;
  std::map<uint32_t, Choice> choices;
  std::map<uint32_t, RuleRow> rules;
  bool operator==(const PolicyTables&) const = default;
};

// The class until now and from then on; 0: none.
template <class Key>
struct Versioned {
  Key key;
  uint32_t before, after;
};

struct PolicyPlan {
  // First, in any order: seen by nobody yet.
  std::map<uint32_t, RuleRow> rules;
  std::map<uint32_t, Choice> choices;
  std::map<CellKey, uint32_t> cells;
  // Then together: one generation.
  std::vector<Versioned<PrefixKey>> prefixes;
  std::vector<Versioned<IdentityKey>> identities;
  std::map<uint32_t, std::pair<SetRow, SetRow>> sets;
  // When nobody judges by an older generation any more.
  std::vector<PrefixKey> gone_prefixes;
  std::vector<IdentityKey> gone_identities;
  std::vector<CellKey> gone_cells;
  std::vector<uint32_t> gone_sets, gone_groups, gone_classes, gone_choices, gone_rules;  // slots that are free then

  bool empty() const {
    return rules.empty() && choices.empty() && cells.empty() && prefixes.empty() && identities.empty() &&
           sets.empty() && gone_sets.empty() && gone_groups.empty() && gone_classes.empty();
  }
};

class Policy {
 public:
  struct Options {
    uint32_t most_sets = abi::MOST_SETS;
    uint32_t most_groups = abi::MOST_GROUPS;
    uint32_t most_classes = abi::MOST_PREFIXES;
    uint32_t most_choices = abi::MOST_CHOICES;
    uint32_t most_rules = abi::MOST_RULES;
    uint32_t first_version = 1;  // greater than any that a flow may remember
  };
  explicit Policy(const Options& options);

  // What must be written after these changes, which `state` already has. Pure:
  // the same calls give the same plans.
  PolicyPlan update(const model::State& state, const model::Changes& changes);
  // Makes every open flow be judged again: the maps were not as they should be.
  PolicyPlan renew();
  // The plan's last part was carried out: its slots may be used again.
  void release(const PolicyPlan& plan);
  // Slots that are in use in the kernel by an earlier life of weftd.
  struct UsedSlots {
    std::set<uint32_t> sets, groups, classes, choices, rules;
    std::set<uint32_t> past_rules;  // that flows may still name
  };
  void avoid(const UsedSlots& used);

  // The slot of a TNI's group set. It exists while a TNI has it.
  uint32_t set_slot(const GroupSet& groups) const;
  const PolicyTables& tables() const { return tables_; }
  // Why part of the policy is not compiled (a table is full): that part denies. Each
  // update tries it again. Empty: all is well.
  const std::map<std::string, std::string>& problems() const { return problems_; }

 private:
  // Whom rules of one direction and mode name.
  struct Peer {
    uint32_t kind;  // of a set's tables: the direction, with TABLE_AUDIT
    std::variant<net::Prefix, model::GroupId> who;
    auto operator<=>(const Peer&) const = default;
  };
  // The rules of a group, by peer.
  using GroupRules = std::map<Peer, RuleClass>;
  struct ClassUse {
    RuleClass rules;
    uint64_t references = 0;
    std::vector<RuleRow> rows;
    std::vector<CellKey> cells;
    std::map<Choice, uint32_t> choices;  // chains that end alike share their ends
  };

  static GroupRules rules_of(const model::State& state, const model::GroupId& group);
  void count_sets(const model::Changes& changes, std::set<GroupSet>& fresh, std::set<GroupSet>& dead);
  std::set<model::GroupId> touched(const model::State& state, const model::Changes& changes) const;
  void add_set(const model::State& state, const GroupSet& groups, PolicyPlan& plan);
  void change_set(const GroupSet& groups, const std::set<Peer>& peers, PolicyPlan& plan);
  void drop_set(const GroupSet& groups, PolicyPlan& plan);
  bool has_class(uint32_t set, const Peer& peer) const;
  bool put_class(uint32_t set, const Peer& peer, const RuleClass& wanted, PolicyPlan& plan);
  bool put_prefix(const PrefixKey& key, const RuleClass& wanted, PolicyPlan& plan);
  bool put_identity(uint32_t table, const model::GroupId& group, const RuleClass& wanted, PolicyPlan& plan);
  std::optional<std::vector<uint32_t>> take_members(const GroupSet& groups, PolicyPlan& plan);
  uint32_t take_group(const model::GroupId& group);
  void drop_group(const model::GroupId& group, PolicyPlan& plan);
  uint32_t take_class(const RuleClass& rules, PolicyPlan& plan);
  void drop_class(uint32_t slot, PolicyPlan& plan);
  bool fill_class(uint32_t slot, ClassUse& use, PolicyPlan& plan);
  uint32_t take_chain(const std::vector<uint64_t>& chain, ClassUse& use, PolicyPlan& plan);
  void drop_rule(const RuleRow& row, PolicyPlan& plan);

  PolicyTables tables_;
  Slots<GroupSet> sets_;
  Slots<model::GroupId> groups_;
  Slots<RuleClass> classes_;
  Slots<uint64_t> choices_;  // by a running number: each choice is one class's own
  Slots<RuleRow> rules_;     // a rule that changes gets another slot: both are seen for a while
  uint64_t next_choice_ = 0;
  uint32_t next_version_;
  std::map<GroupSet, uint64_t> in_use_;  // how many TNIs have it
  std::map<model::GroupId, std::set<GroupSet>> sets_of_group_;
  std::map<model::GroupId, GroupRules> rules_of_group_;  // of those in sets
  std::map<model::GroupId, uint64_t> group_references_;  // by sets and by identities
  std::map<uint32_t, ClassUse> class_use_;
  std::map<uint32_t, uint64_t> choice_number_;
  std::map<RuleRow, uint64_t> rule_references_;
  std::map<GroupSet, std::set<Peer>> waiting_;  // for room: the set itself, or its classes of these
  std::map<std::string, std::string> problems_;
};

}  // namespace weft::datapath
