#include "datapath/policy.h"

#include <algorithm>

namespace weft::datapath {

using model::GroupId;
using net::Prefix;

Policy::Policy(const Options& options)
    : sets_(options.most_sets),
      classes_(options.most_classes),
      choices_(options.most_choices),
      rules_(options.most_rules),
      next_version_(options.first_version) {}

uint32_t Policy::set_slot(const GroupSet& groups) const { return sets_.find(groups).value_or(0); }

void Policy::avoid(const std::vector<uint32_t>& sets, const std::vector<uint32_t>& classes,
                   const std::vector<uint32_t>& choices, const std::vector<uint32_t>& rules) {
  for (const uint32_t slot : sets) sets_.avoid(slot);
  for (const uint32_t slot : classes) classes_.avoid(slot);
  for (const uint32_t slot : choices) choices_.avoid(slot);
  for (const uint32_t slot : rules) rules_.avoid(slot);
}

void Policy::release(const PolicyPlan& plan) {
  for (const uint32_t slot : plan.gone_sets) sets_.release(slot);
  for (const uint32_t slot : plan.gone_classes) classes_.release(slot);
  for (const uint32_t slot : plan.gone_choices) choices_.release(slot);
  for (const uint32_t slot : plan.gone_rules) rules_.release(slot);
}

PolicyPlan Policy::update(const model::State& state, const model::Changes& changes) {
  PolicyPlan plan;
  std::set<GroupSet> fresh, dead;
  count_sets(changes, fresh, dead);
  for (const GroupSet& groups : dead) drop_set(groups, plan);
  std::set<GroupSet> dirty = touched(state, changes);
  for (const GroupSet& groups : fresh) {
    if (!sets_.take(groups)) {
      problems_["sets"] = "more different combinations of groups than the data path holds";
      continue;
    }
    for (const GroupId& group : groups) sets_of_group_[group].insert(groups);
    sets_of_vpc_[in_use_[groups].vpc].insert(groups);
    tables_.sets[set_slot(groups)] = {.version = next_version_++, .audited = 0};
    plan.sets[set_slot(groups)] = {tables_.sets[set_slot(groups)], tables_.sets[set_slot(groups)]};
    dirty.insert(groups);
  }
  for (const GroupSet& groups : dirty) {
    if (set_slot(groups) != 0) compile_set(state, groups, fresh, plan);
  }
  // Every other table of the VPC learns about the new sets as peers.
  for (const GroupSet& groups : fresh) {
    const uint32_t peer = set_slot(groups);
    if (peer == 0) continue;
    for (const GroupSet& other : sets_of_vpc_[in_use_[groups].vpc]) {
      for (const auto& [table, rules] : in_use_[other].tables) put_identity(table, rules, peer, groups, plan);
    }
  }
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
      Set& set = in_use_[after->groups];
      if (set.references++ == 0 && dead.erase(after->groups) == 0) fresh.insert(after->groups);
      set.vpc = after->vpc;
    }
    if (const model::Tni* before = tni_of(change.before)) {
      Set& set = in_use_[before->groups];
      CHECK(set.references > 0);
      if (--set.references == 0 && fresh.erase(before->groups) == 0) dead.insert(before->groups);
    }
  }
  const auto unused = [&](const auto& entry) { return entry.second.references == 0 && !dead.contains(entry.first); };
  std::erase_if(in_use_, unused);
}

std::set<GroupSet> Policy::touched(const model::State& state, const model::Changes& changes) const {
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
  std::set<GroupSet> sets;
  for (const GroupId& group : groups) {
    const auto found = sets_of_group_.find(group);
    if (found != sets_of_group_.end()) sets.insert(found->second.begin(), found->second.end());
  }
  return sets;
}

namespace {

void add_rule(RuleClass& rules, const ClassRule& rule) {
  const auto at = std::lower_bound(rules.begin(), rules.end(), rule);
  if (at == rules.end() || *at != rule) rules.insert(at, rule);
}

// Each prefix's class has the rules of all prefixes around it too: the longest
// match alone must know everything. Families are apart: IPv4 lives inside ::/0
// in the maps, so that it gets an entry of its own where IPv6 has one.
std::map<Prefix, RuleClass> flatten(const std::map<Prefix, RuleClass>& own) {
  std::map<Prefix, RuleClass> flat;
  for (const net::Family family : {net::Family::V4, net::Family::V6}) {
    std::vector<std::pair<Prefix, const RuleClass*>> around;  // each inside the one before
    for (const auto& [prefix, rules] : own) {
      if (prefix.family() != family) continue;
      if (family == net::Family::V6) flat.try_emplace(Prefix::any(net::Family::V4));
      while (!around.empty() && !around.back().first.contains(prefix)) around.pop_back();
      RuleClass& all = flat[prefix] = around.empty() ? rules : *around.back().second;
      if (!around.empty()) {
        for (const ClassRule& rule : rules) add_rule(all, rule);
      }
      around.emplace_back(prefix, &all);
    }
  }
  return flat;
}

RuleRow row_of(const ClassRule& rule) { return {rule.number, rule.until, rule.on_revoke}; }

// The class that a look-up of an address of `prefix`, but of no longer one, finds.
uint32_t class_around(const std::map<PrefixKey, uint32_t>& prefixes, uint32_t table, const Prefix& prefix) {
  for (unsigned length = prefix.length(); length-- > 0;) {
    const auto found = prefixes.find({table, Prefix::of(prefix.first(), length)});
    if (found != prefixes.end()) return found->second;
  }
  return 0;
}

}  // namespace

void Policy::compile_set(const model::State& state, const GroupSet& groups, const std::set<GroupSet>& fresh,
                         PolicyPlan& plan) {
  Set& set = in_use_[groups];
  const uint32_t slot = set_slot(groups);
  std::map<uint32_t, Table> tables{{slot * 2, {}}, {slot * 2 + 1, {}}};
  uint32_t audited = 0;
  for (const GroupId& group : groups) {
    for (const model::RuleId& id : state.rules_of(group)) {
      const model::Rule& rule = state.get(id);
      const bool audit = rule.mode == model::Mode::Audit;
      if (audit) audited = 1;
      const uint32_t number = slot * 2 + (rule.direction == model::Direction::Out ? uint32_t{abi::DIRECTION_OUT}
                                                                                  : uint32_t{abi::DIRECTION_IN});
      Table& table = tables[audit ? number | abi::TABLE_AUDIT : number];
      const ClassRule entry{.number = model::number_of(id),
                            .protocol = rule.traffic.protocol,
                            .first = rule.traffic.first,
                            .last = rule.traffic.last,
                            .until = rule.until,
                            .on_revoke = state.get(group).on_revoke};
      if (const auto* prefix = std::get_if<Prefix>(&rule.peer)) {
        add_rule(table.prefixes[*prefix], entry);
      } else if (const auto* list = std::get_if<model::PrefixListId>(&rule.peer)) {
        for (const Prefix& listed : state.get(*list).prefixes) add_rule(table.prefixes[listed], entry);
      } else {
        add_rule(table.groups[std::get<GroupId>(rule.peer)], entry);
      }
    }
  }
  // Audit tables that lost their last rule are emptied, then forgotten.
  for (const auto& [number, table] : set.tables) tables.try_emplace(number);
  const size_t changes_before = plan.prefixes.size() + plan.identities.size();
  for (const auto& [number, table] : tables) {
    put_prefixes(number, flatten(table.prefixes), plan);
    put_identities_of(number, table, set.vpc, fresh, plan);
  }
  const bool changed = plan.prefixes.size() + plan.identities.size() != changes_before;
  if (changed || tables_.sets[slot].audited != audited) {
    const SetRow before = tables_.sets[slot];
    tables_.sets[slot] = {.version = next_version_++, .audited = audited};
    plan.sets.try_emplace(slot, before, before);
    plan.sets[slot].second = tables_.sets[slot];
  }
  std::erase_if(tables, [](const auto& entry) {
    return (entry.first & abi::TABLE_AUDIT) && entry.second.prefixes.empty() && entry.second.groups.empty();
  });
  set.tables = std::move(tables);
}

void Policy::put_prefixes(uint32_t table, const std::map<Prefix, RuleClass>& wanted, PolicyPlan& plan) {
  const auto first = tables_.prefixes.lower_bound({table, Prefix()});
  std::map<PrefixKey, uint32_t> before, after;
  for (auto it = first; it != tables_.prefixes.end() && it->first.table == table; ++it) before.insert(*it);
  for (const auto& [prefix, rules] : wanted) after[{table, prefix}] = take_class(rules, plan);
  for (const auto& [key, now] : after) {
    const auto had = before.find(key);
    const uint32_t was = had == before.end() ? class_around(before, table, key.prefix) : had->second;
    if (had == before.end() || was != now) plan.prefixes.push_back({key, was, now});
  }
  for (const auto& [key, was] : before) {
    if (!after.contains(key)) {
      plan.prefixes.push_back({key, was, class_around(after, table, key.prefix)});
      plan.gone_prefixes.push_back(key);
      tables_.prefixes.erase(key);
    }
    drop_class(was, plan);
  }
  for (const auto& [key, now] : after) tables_.prefixes[key] = now;
}

// Fresh peers come later, to every table; they are no change of this one.
void Policy::put_identities_of(uint32_t table, const Table& rules, const model::VpcId& vpc,
                               const std::set<GroupSet>& fresh, PolicyPlan& plan) {
  for (const GroupSet& groups : sets_of_vpc_[vpc]) {
    const uint32_t peer = set_slot(groups);
    if (peer != 0 && !fresh.contains(groups)) put_identity(table, rules, peer, groups, plan);
  }
}

void Policy::put_identity(uint32_t table, const Table& rules, uint32_t peer, const GroupSet& peer_groups,
                          PolicyPlan& plan) {
  RuleClass matching;
  for (const GroupId& group : peer_groups) {
    const auto found = rules.groups.find(group);
    if (found == rules.groups.end()) continue;
    for (const ClassRule& rule : found->second) add_rule(matching, rule);
  }
  const IdentityKey key{table, peer};
  const auto had = tables_.identities.find(key);
  const uint32_t was = had == tables_.identities.end() ? 0 : had->second;
  const uint32_t now = matching.empty() ? 0 : take_class(matching, plan);
  if (was != now) plan.identities.push_back({key, was, now});
  if (was != 0 && now == 0) plan.gone_identities.push_back(key);
  if (now == 0) {
    tables_.identities.erase(key);
  } else {
    tables_.identities[key] = now;
  }
  if (was != 0) drop_class(was, plan);
}

void Policy::drop_set(const GroupSet& groups, PolicyPlan& plan) {
  const auto slot = sets_.drop(groups);
  Set& set = in_use_[groups];
  if (slot) {
    for (const auto& [number, table] : set.tables) {
      put_prefixes(number, {}, plan);
      for (const GroupSet& other : sets_of_vpc_[set.vpc]) {
        const uint32_t peer = other == groups ? *slot : set_slot(other);
        if (peer != 0) put_identity(number, {}, peer, other, plan);
      }
    }
    for (const GroupSet& other : sets_of_vpc_[set.vpc]) {
      if (other == groups) continue;
      for (const auto& [number, table] : in_use_[other].tables) put_identity(number, {}, *slot, groups, plan);
    }
    tables_.sets.erase(*slot);
    plan.gone_sets.push_back(*slot);
  }
  for (const GroupId& group : groups) {
    sets_of_group_[group].erase(groups);
    if (sets_of_group_[group].empty()) sets_of_group_.erase(group);
  }
  sets_of_vpc_[set.vpc].erase(groups);
  if (sets_of_vpc_[set.vpc].empty()) sets_of_vpc_.erase(set.vpc);
  in_use_.erase(groups);
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
  for (const ClassRule& rule : rules) {
    const RuleRow row = row_of(rule);
    const auto rule_slot = rules_.take(row);
    if (!rule_slot) {
      problems_["rules"] = "more rules in use than the data path holds";
      continue;
    }
    use.rows.push_back(row);
    ++rule_references_[row];
    if (tables_.rules.emplace(*rule_slot, row).second) plan.rules[*rule_slot] = row;
  }
  for (const Cell& cell : cells_of(rules)) {
    const uint32_t head = take_chain(cell.chain, use, plan);
    const CellKey key{*slot, cell.length, cell.protocol, cell.selector};
    use.cells.push_back(key);
    tables_.cells[key] = plan.cells[key] = head;
  }
  return *slot;
}

uint32_t Policy::take_chain(const std::vector<uint64_t>& chain, ClassUse& use, PolicyPlan& plan) {
  uint32_t next = 0;
  if (chain.size() > abi::LONGEST_CHAIN) {
    problems_["chain"] = "more rules that expire one after another for the same traffic than are tried";
  }
  const size_t length = std::min<size_t>(chain.size(), abi::LONGEST_CHAIN);
  for (size_t i = length; i-- > 0;) {
    const auto in_class = std::lower_bound(use.rules.begin(), use.rules.end(), ClassRule{.number = chain[i]},
                                           [](const auto& a, const auto& b) { return a.number < b.number; });
    const auto rule = rules_.find(row_of(*in_class));
    const auto slot = choices_.take(++next_choice_);
    if (!rule || !slot) {
      problems_["choices"] = "more kinds of traffic in the rules than the data path holds";
      continue;
    }
    choice_number_[*slot] = next_choice_;
    use.choices.push_back(*slot);
    tables_.choices[*slot] = plan.choices[*slot] = {*rule, next};
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
  for (const uint32_t choice : use.choices) {
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
