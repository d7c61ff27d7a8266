#include "datapath/policy_evaluate.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "datapath/generation.h"

namespace weft::datapath {

namespace {

using Bytes = std::vector<uint8_t>;

// The bytes of a key that the prefix length counts from.
template <class Key>
Bytes bytes_of(const Key& key) {
  static_assert(offsetof(Key, prefix_length) == 0);
  Bytes bytes(sizeof(Key) - sizeof key.prefix_length);
  std::memcpy(bytes.data(), reinterpret_cast<const uint8_t*>(&key) + sizeof key.prefix_length, bytes.size());
  return bytes;
}

uint16_t network_order(uint16_t value) {
  if constexpr (std::endian::native == std::endian::big) return value;
  return static_cast<uint16_t>(value << 8 | value >> 8);
}

abi::prefix_key prefix_key(uint32_t table, const net::Address& address, uint32_t length) {
  abi::prefix_key key{.prefix_length = 32 + length, .table = table, .address = {}};
  std::memcpy(key.address.bytes, address.bytes().data(), sizeof key.address.bytes);
  return key;
}
abi::prefix_key prefix_key(const PrefixKey& key) {
  return prefix_key(key.table, key.prefix.first(), key.prefix.mapped_length());
}
abi::cell_key cell_key(const CellKey& key) {
  return {.prefix_length = 32 + key.length,
          .rule_class = key.rule_class,
          .protocol = key.protocol,
          .zero = 0,
          .selector = network_order(key.selector)};
}

}  // namespace

uint32_t PolicyImage::version_of(uint32_t set, uint32_t generation) const {
  const auto found = sets_.find(set);
  return found == sets_.end() ? 0 : at_generation(found->second.version, generation);
}

uint64_t PolicyImage::rule_of_class(uint32_t rule_class, const Question& question, base::WallTime now) const {
  if (rule_class == 0) return 0;
  const uint32_t* head = cells_.find(bytes_of(cell_key(
      {.rule_class = rule_class, .length = 32, .protocol = question.protocol, .selector = question.selector})));
  if (head == nullptr) return 0;
  uint32_t slot = *head;
  for (int tried = 0; slot != 0 && tried < abi::LONGEST_CHAIN; ++tried) {
    const Choice& choice = choices_.at(slot);
    const RuleRow& rule = rules_.at(choice.rule);
    if (!rule.until || now < *rule.until) return rule.number;
    slot = choice.next;
  }
  return 0;
}

uint64_t PolicyImage::first_rule(const Question& question, uint32_t generation, base::WallTime now) const {
  const auto direction =
      question.direction == model::Direction::Out ? uint32_t{abi::DIRECTION_OUT} : uint32_t{abi::DIRECTION_IN};
  uint32_t table = question.set * 2 + direction;
  if (question.mode == model::Mode::Audit) table |= uint32_t{abi::TABLE_AUDIT};
  uint64_t lowest = std::numeric_limits<uint64_t>::max();
  const auto ask = [&](const abi::versioned& found) {
    const uint64_t rule = rule_of_class(at_generation(found, generation), question, now);
    if (rule != 0) lowest = std::min(lowest, rule);
  };
  const abi::prefix_key key = prefix_key(table, question.peer, 128);
  const uint32_t shortest = question.peer.is_v4() ? 32 + 96 : 32;
  for (uint32_t longest = key.prefix_length; longest >= shortest;) {
    const abi::prefix* found = prefixes_.find(bytes_of(key), longest);
    if (found == nullptr || found->length < shortest) break;
    ask(found->rule_class);
    longest = found->length - 1;
  }
  const auto set = sets_.find(question.set), peers = sets_.find(question.peer_set);
  if (question.peer_set != 0 && set != sets_.end() && set->second.names_groups != 0 && peers != sets_.end()) {
    for (const uint32_t group : peers->second.groups) {
      const auto identity = identities_.find({.table = table, .group = group});
      if (group != 0 && identity != identities_.end()) ask(identity->second);
    }
  }
  return lowest == std::numeric_limits<uint64_t>::max() ? 0 : lowest;
}

void PolicyImage::prepare(const PolicyPlan& plan, uint32_t generation, const std::function<void()>& written) {
  for (const auto& [slot, row] : plan.rules) {
    rules_[slot] = row;
    written();
  }
  for (const auto& [slot, choice] : plan.choices) {
    choices_[slot] = choice;
    written();
  }
  for (const auto& [key, head] : plan.cells) {
    const abi::cell_key at_key = cell_key(key);
    cells_.put(at_key.prefix_length, bytes_of(at_key), head);
    written();
  }
  for (const auto& row : plan.prefixes) {
    const abi::prefix_key key = prefix_key(row.key);
    prefixes_.put(key.prefix_length, bytes_of(key), {{row.before, row.after, generation}, key.prefix_length});
    written();
  }
  for (const auto& row : plan.identities) {
    identities_[row.key] = {row.before, row.after, generation};
    written();
  }
  for (const auto& [slot, rows] : plan.sets) {
    const auto& [before, after] = rows;
    sets_[slot] = set_row(before, after, {before.version, after.version, generation});
    written();
  }
}

void PolicyImage::clean(const PolicyPlan& plan, const std::function<void()>& written) {
  for (const PrefixKey& row : plan.gone_prefixes) {
    const abi::prefix_key key = prefix_key(row);
    prefixes_.remove(key.prefix_length, bytes_of(key));
    written();
  }
  for (const IdentityKey& key : plan.gone_identities) {
    identities_.erase(key);
    written();
  }
  for (const CellKey& row : plan.gone_cells) {
    const abi::cell_key key = cell_key(row);
    cells_.remove(key.prefix_length, bytes_of(key));
    written();
  }
  for (const uint32_t slot : plan.gone_sets) sets_.erase(slot);
  for (const uint32_t slot : plan.gone_choices) choices_.erase(slot);
  for (const uint32_t slot : plan.gone_rules) rules_.erase(slot);
  written();
}

bool PolicyImage::holds(const PolicyTables& tables) const {
  LongestPrefix<uint32_t> cells;
  for (const auto& [key, head] : tables.cells) cells.put(cell_key(key).prefix_length, bytes_of(cell_key(key)), head);
  LongestPrefix<uint32_t> prefixes;
  for (const auto& [key, rule_class] : tables.prefixes) {
    prefixes.put(prefix_key(key).prefix_length, bytes_of(prefix_key(key)), rule_class);
  }
  std::map<IdentityKey, uint32_t> identities;
  for (const auto& [key, row] : identities_) identities[key] = row.after;
  // What rules there are is a hint: it may stay for a while when the last of them goes.
  std::map<uint32_t, SetRow> sets;
  for (const auto& [slot, row] : sets_) {
    const auto wanted = tables.sets.find(slot);
    if (wanted == tables.sets.end()) return false;
    SetRow& held = sets[slot] = wanted->second;
    held.version = row.version.after;
    if (row.audited == 0) held.audited = false;
    if (row.names_groups == 0) held.names_groups = false;
    held.groups.assign(std::begin(row.groups), std::find(std::begin(row.groups), std::end(row.groups), 0u));
  }
  const auto after = [](const abi::prefix& row) { return row.rule_class.after; };
  return prefixes_.map(after) == prefixes && cells_ == cells && identities == tables.identities &&
         choices_ == tables.choices && rules_ == tables.rules && sets == tables.sets;
}

}  // namespace weft::datapath
