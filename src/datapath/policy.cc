#include "datapath/policy.h"

#include <algorithm>
#include <utility>

namespace weft::datapath {

static_assert(2 * model::kLargestPolicy.entries <= abi::MOST_PREFIXES);
static_assert(2 * model::kLargestPolicy.entries <= abi::MOST_IDENTITIES);
static_assert(2 * model::kLargestPolicy.kinds <= abi::MOST_CELLS);
static_assert(2 * model::kLargestPolicy.choices < abi::MOST_CHOICES);
static_assert(2 * model::kLargestPolicy.rules < abi::MOST_RULES);
static_assert(2 * model::kLargestPolicy.sets < abi::MOST_SETS);
static_assert(2 * model::kLargestPolicy.groups < abi::MOST_GROUPS);

using model::GroupId;
using net::Prefix;

abi::set set_row(const SetRow& before, const SetRow& after, const abi::versioned& version) {
  abi::set row{};
  row.version = version;
  row.audited = before.audited || after.audited;
  row.names_groups = before.names_groups || after.names_groups;
  CHECK(after.groups.size() <= std::size(row.groups));
  std::copy(after.groups.begin(), after.groups.end(), row.groups);
  return row;
}

Policy::Policy(const Options& options)
    : sets_(options.most_sets),
      groups_(options.most_groups),
      classes_(options.most_classes),
      choices_(options.most_choices),
      rules_(options.most_rules),
      next_version_(options.first_version) {}

uint32_t Policy::set_slot(const GroupSet& groups) const { return sets_.find(groups).value_or(0); }

void Policy::avoid(const UsedSlots& used) {
  for (const uint32_t slot : used.sets) sets_.avoid(slot);
  for (const uint32_t slot : used.groups) groups_.avoid(slot);
  for (const uint32_t slot : used.classes) classes_.avoid(slot);
  for (const uint32_t slot : used.choices) choices_.avoid(slot);
  std::set<uint32_t> rules = used.rules;
  rules.insert(used.past_rules.begin(), used.past_rules.end());
  for (const uint32_t slot : rules) rules_.avoid(slot);
  for (const uint32_t slot : used.past_rules) rules_.release(slot);
}

void Policy::release(const PolicyPlan& plan) {
  for (const uint32_t slot : plan.gone_sets) sets_.release(slot);
  for (const uint32_t slot : plan.gone_groups) groups_.release(slot);
  for (const uint32_t slot : plan.gone_classes) classes_.release(slot);
  for (const uint32_t slot : plan.gone_choices) choices_.release(slot);
  for (const uint32_t slot : plan.gone_rules) rules_.release(slot);
}

PolicyPlan Policy::update(const model::State& state, const model::Changes& changes) {
  PolicyPlan plan;
  std::set<GroupSet> fresh, dead;
  count_sets(changes, fresh, dead);
  for (const GroupSet& groups : dead) drop_set(groups, plan);
  problems_.clear();
  std::map<GroupSet, std::set<Peer>> dirty = std::exchange(waiting_, {});
  for (auto waiting = dirty.begin(); waiting != dirty.end();) {
    const bool has_slot = set_slot(waiting->first) != 0;
    if (!has_slot) fresh.insert(waiting->first);
    waiting = has_slot ? std::next(waiting) : dirty.erase(waiting);
  }
  // What each group says now; whom it says something else of than before.
  for (const GroupId& group : touched(state, changes)) {
    GroupRules now = rules_of(state, group);
    GroupRules& was = rules_of_group_[group];
    std::set<Peer> peers;
    for (const auto& [peer, rules] : was) {
      const auto same = now.find(peer);
      if (same == now.end() || same->second != rules) peers.insert(peer);
    }
    for (const auto& [peer, rules] : now) {
      if (!was.contains(peer)) peers.insert(peer);
    }
    was = std::move(now);
    for (const GroupSet& groups : sets_of_group_[group]) dirty[groups].insert(peers.begin(), peers.end());
  }
  for (const auto& [groups, peers] : dirty) change_set(groups, peers, plan);
  for (const GroupSet& groups : fresh) add_set(state, groups, plan);
  return plan;
}

PolicyPlan Policy::renew() {
  PolicyPlan plan;
  for (auto& [slot, row] : tables_.sets) {
    const SetRow before = row;
    row.version = next_version_++;
    plan.sets[slot] = {before, row};
  }
  return plan;
}

// Which sets the TNIs have now that none had, and the reverse.
void Policy::count_sets(const model::Changes& changes, std::set<GroupSet>& fresh, std::set<GroupSet>& dead) {
  const auto tni_of = [](const std::optional<model::Object>& object) {
    return object ? std::get_if<model::Tni>(&*object) : nullptr;
  };
  for (const model::Change& change : changes) {
    if (const model::Tni* after = tni_of(change.after)) {
      if (in_use_[after->groups]++ == 0 && dead.erase(after->groups) == 0) fresh.insert(after->groups);
    }
    if (const model::Tni* before = tni_of(change.before)) {
      uint64_t& references = in_use_[before->groups];
      CHECK(references > 0);
      if (--references == 0 && fresh.erase(before->groups) == 0) dead.insert(before->groups);
    }
  }
  std::erase_if(in_use_, [](const auto& entry) { return entry.second == 0; });
}

// The groups in use of which the changes may say something else.
std::set<GroupId> Policy::touched(const model::State& state, const model::Changes& changes) const {
  std::set<GroupId> groups;
  const auto touch = [&](const model::Object& object) {
    if (const auto* rule = std::get_if<model::Rule>(&object)) groups.insert(rule->group);
    if (const auto* group = std::get_if<model::Group>(&object)) groups.insert(group->id);
    if (const auto* list = std::get_if<model::PrefixList>(&object)) {
      for (const model::RuleId& rule : state.rules_naming(list->id)) groups.insert(state.get(rule).group);
    }
  };
  for (const model::Change& change : changes) {
    if (change.before) touch(*change.before);
    if (change.after) touch(*change.after);
  }
  std::erase_if(groups, [&](const GroupId& group) { return !sets_of_group_.contains(group); });
  return groups;
}

namespace {

RuleRow row_of(const ClassRule& rule) { return {rule.number, rule.until, rule.on_revoke}; }

}  // namespace

Policy::GroupRules Policy::rules_of(const model::State& state, const GroupId& group) {
  GroupRules rules;
  const model::Group* found = state.find(group);
  if (found == nullptr) return rules;
  // They come in the order of their numbers, as a class has them.
  for (const model::RuleId& id : state.rules_of(group)) {
    const model::Rule& rule = state.get(id);
    const uint32_t direction =
        rule.direction == model::Direction::Out ? uint32_t{abi::DIRECTION_OUT} : uint32_t{abi::DIRECTION_IN};
    const uint32_t kind = rule.mode == model::Mode::Audit ? direction | abi::TABLE_AUDIT : direction;
    const ClassRule entry{.number = id.number(),
                          .protocol = rule.traffic.protocol,
                          .first = rule.traffic.first,
                          .last = rule.traffic.last,
                          .until = rule.until,
                          .on_revoke = found->on_revoke};
    const auto add = [&](const auto& who) {
      RuleClass& of_peer = rules[Peer{kind, who}];
      if (of_peer.empty() || of_peer.back() != entry) of_peer.push_back(entry);  // a list may name a prefix twice
    };
    if (const auto* list = std::get_if<model::PrefixListId>(&rule.peer)) {
      for (const Prefix& listed : state.get(*list).prefixes) add(listed);
    } else if (const auto* prefix = std::get_if<Prefix>(&rule.peer)) {
      add(*prefix);
    } else {
      add(std::get<GroupId>(rule.peer));
    }
  }
  return rules;
}

void Policy::add_set(const model::State& state, const GroupSet& groups, PolicyPlan& plan) {
  const auto slot = sets_.take(groups);
  if (!slot) problems_["sets"] = "more different combinations of groups than the data path holds";
  auto members = slot ? take_members(groups, plan) : std::nullopt;
  if (!members) {
    waiting_[groups];
    if (slot) plan.gone_sets.push_back(*sets_.drop(groups));
    return;
  }
  SetRow& row = tables_.sets[*slot];
  row.version = next_version_++;
  row.groups = std::move(*members);
  std::set<Peer> peers;
  for (const GroupId& group : groups) {
    if (sets_of_group_[group].empty()) rules_of_group_[group] = rules_of(state, group);
    sets_of_group_[group].insert(groups);
    for (const auto& [peer, rules] : rules_of_group_[group]) peers.insert(peer);
  }
  plan.sets[*slot] = {row, row};
  change_set(groups, peers, plan);
}

void Policy::change_set(const GroupSet& groups, const std::set<Peer>& peers, PolicyPlan& plan) {
  const uint32_t slot = set_slot(groups);
  bool changed = false;
  for (const Peer& peer : peers) {
    RuleClass together;
    for (const GroupId& group : groups) {
      const GroupRules& rules = rules_of_group_[group];
      if (const auto found = rules.find(peer); found != rules.end()) {
        const auto middle = static_cast<ptrdiff_t>(together.size());
        together.insert(together.end(), found->second.begin(), found->second.end());
        std::inplace_merge(together.begin(), together.begin() + middle, together.end());
      }
    }
    changed |= put_class(slot, peer, together, plan);
    if (!together.empty() && !has_class(slot, peer)) waiting_[groups].insert(peer);
  }
  SetRow after = tables_.sets[slot];
  after.audited = after.names_groups = false;
  for (const GroupId& group : groups) {
    for (const auto& [peer, rules] : rules_of_group_[group]) {
      after.audited |= (peer.kind & abi::TABLE_AUDIT) != 0;
      after.names_groups |= std::holds_alternative<GroupId>(peer.who);
    }
  }
  if (!changed && after == tables_.sets[slot]) return;
  after.version = next_version_++;
  plan.sets.try_emplace(slot, tables_.sets[slot], tables_.sets[slot]);
  tables_.sets[slot] = plan.sets[slot].second = after;
}

void Policy::drop_set(const GroupSet& groups, PolicyPlan& plan) {
  waiting_.erase(groups);
  const auto slot = sets_.drop(groups);
  if (!slot) return;
  std::set<Peer> peers;
  for (const GroupId& group : groups) {
    for (const auto& [peer, rules] : rules_of_group_[group]) peers.insert(peer);
  }
  for (const Peer& peer : peers) put_class(*slot, peer, {}, plan);
  for (const GroupId& group : groups) {
    sets_of_group_[group].erase(groups);
    if (sets_of_group_[group].empty()) {
      sets_of_group_.erase(group);
      rules_of_group_.erase(group);
    }
    drop_group(group, plan);
  }
  tables_.sets.erase(*slot);
  plan.gone_sets.push_back(*slot);
}

bool Policy::has_class(uint32_t set, const Peer& peer) const {
  const uint32_t table = (set * 2) | peer.kind;
  if (const auto* prefix = std::get_if<Prefix>(&peer.who)) return tables_.prefixes.contains({table, *prefix});
  const auto group = groups_.find(std::get<GroupId>(peer.who));
  return group && tables_.identities.contains({table, *group});
}

// Whether it was another class before.
bool Policy::put_class(uint32_t set, const Peer& peer, const RuleClass& wanted, PolicyPlan& plan) {
  const uint32_t table = (set * 2) | peer.kind;
  if (const auto* prefix = std::get_if<Prefix>(&peer.who)) return put_prefix({table, *prefix}, wanted, plan);
  return put_identity(table, std::get<GroupId>(peer.who), wanted, plan);
}

bool Policy::put_prefix(const PrefixKey& key, const RuleClass& wanted, PolicyPlan& plan) {
  const auto had = tables_.prefixes.find(key);
  const uint32_t was = had == tables_.prefixes.end() ? 0 : had->second;
  const uint32_t now = take_class(wanted, plan);
  if (was != now) plan.prefixes.push_back({key, was, now});
  if (was != 0 && now == 0) {
    plan.gone_prefixes.push_back(key);
    tables_.prefixes.erase(had);
  } else if (now != 0) {
    tables_.prefixes[key] = now;
  }
  drop_class(was, plan);
  return was != now;
}

// A group has a slot while it is in a set or an identity names it.
bool Policy::put_identity(uint32_t table, const GroupId& group, const RuleClass& wanted, PolicyPlan& plan) {
  const auto slot = groups_.find(group);
  const auto had = slot ? tables_.identities.find({table, *slot}) : tables_.identities.end();
  const uint32_t was = had == tables_.identities.end() ? 0 : had->second;
  if (was == 0 && wanted.empty()) return false;
  const IdentityKey key{table, was != 0 ? *slot : take_group(group)};
  if (key.group == 0) return false;
  const uint32_t now = take_class(wanted, plan);
  if (was != now) plan.identities.push_back({key, was, now});
  if (now != 0) tables_.identities[key] = now;
  if (now == 0) {
    if (was != 0) {
      plan.gone_identities.push_back(key);
      tables_.identities.erase(key);
    }
    drop_group(group, plan);
  }
  drop_class(was, plan);
  return was != now;
}

// The slots of all of them, or of none.
std::optional<std::vector<uint32_t>> Policy::take_members(const GroupSet& groups, PolicyPlan& plan) {
  std::vector<uint32_t> members;
  for (const GroupId& group : groups) {
    if (const uint32_t member = take_group(group)) {
      members.push_back(member);
      continue;
    }
    for (size_t i = 0; i < members.size(); ++i) drop_group(groups[i], plan);
    return std::nullopt;
  }
  return members;
}

// The group's slot with one reference more; 0 when the data path is full.
uint32_t Policy::take_group(const GroupId& group) {
  const auto slot = groups_.take(group);
  if (!slot) {
    problems_["groups"] = "more groups in use than the data path holds";
    return 0;
  }
  ++group_references_[group];
  return *slot;
}

void Policy::drop_group(const GroupId& group, PolicyPlan& plan) {
  const auto found = group_references_.find(group);
  CHECK(found != group_references_.end());
  if (--found->second > 0) return;
  group_references_.erase(found);
  plan.gone_groups.push_back(*groups_.drop(group));
}

// The class's slot with one reference more; 0 when the data path is full.
uint32_t Policy::take_class(const RuleClass& rules, PolicyPlan& plan) {
  if (rules.empty()) return 0;
  const bool known = classes_.find(rules).has_value();
  const auto slot = classes_.take(rules);
  if (!slot) {
    problems_["classes"] = "more different lists of rules than the data path holds";
    return 0;
  }
  ClassUse& use = class_use_[*slot];
  ++use.references;
  if (known) return *slot;
  use.rules = rules;
  if (fill_class(*slot, use, plan)) return *slot;
  drop_class(*slot, plan);
  return 0;
}

bool Policy::fill_class(uint32_t slot, ClassUse& use, PolicyPlan& plan) {
  for (const ClassRule& rule : use.rules) {
    const RuleRow row = row_of(rule);
    const auto rule_slot = rules_.take(row);
    if (!rule_slot) {
      problems_["rules"] = "more rules in use than the data path holds";
      return false;
    }
    use.rows.push_back(row);
    ++rule_references_[row];
    if (tables_.rules.emplace(*rule_slot, row).second) plan.rules[*rule_slot] = row;
  }
  for (const Cell& cell : cells_of(use.rules)) {
    const uint32_t head = take_chain(cell.chain, use, plan);
    if (head == 0) return false;
    const CellKey key{slot, cell.length, cell.protocol, cell.selector};
    use.cells.push_back(key);
    tables_.cells[key] = plan.cells[key] = head;
  }
  return true;
}

// The first choice of the chain; 0 when the data path is full.
uint32_t Policy::take_chain(const std::vector<uint64_t>& chain, ClassUse& use, PolicyPlan& plan) {
  uint32_t next = 0;
  for (size_t i = chain.size(); i-- > 0;) {
    const auto in_class = std::lower_bound(use.rules.begin(), use.rules.end(), ClassRule{.number = chain[i]},
                                           [](const auto& a, const auto& b) { return a.number < b.number; });
    const Choice choice{*rules_.find(row_of(*in_class)), next};
    if (const auto shared = use.choices.find(choice); shared != use.choices.end()) {
      next = shared->second;
      continue;
    }
    const auto slot = choices_.take(++next_choice_);
    if (!slot) {
      problems_["choices"] = "more kinds of traffic in the rules than the data path holds";
      return 0;
    }
    choice_number_[*slot] = next_choice_;
    use.choices.emplace(choice, *slot);
    tables_.choices[*slot] = plan.choices[*slot] = choice;
    next = *slot;
  }
  return next;
}

void Policy::drop_class(uint32_t slot, PolicyPlan& plan) {
  if (slot == 0) return;
  const auto found = class_use_.find(slot);
  CHECK(found != class_use_.end() && found->second.references > 0);
  if (--found->second.references > 0) return;
  ClassUse& use = found->second;
  classes_.drop(use.rules);
  plan.gone_classes.push_back(slot);
  for (const CellKey& key : use.cells) {
    tables_.cells.erase(key);
    plan.cells.erase(key);
    plan.gone_cells.push_back(key);
  }
  for (const auto& [shared, choice] : use.choices) {
    tables_.choices.erase(choice);
    plan.choices.erase(choice);
    choices_.drop(choice_number_[choice]);
    choice_number_.erase(choice);
    plan.gone_choices.push_back(choice);
  }
  for (const RuleRow& row : use.rows) drop_rule(row, plan);
  class_use_.erase(found);
}

void Policy::drop_rule(const RuleRow& row, PolicyPlan& plan) {
  const auto found = rule_references_.find(row);
  CHECK(found != rule_references_.end());
  if (--found->second > 0) return;
  rule_references_.erase(found);
  const uint32_t slot = *rules_.drop(row);
  tables_.rules.erase(slot);
  plan.rules.erase(slot);
  plan.gone_rules.push_back(slot);
}

}  // namespace weft::datapath
