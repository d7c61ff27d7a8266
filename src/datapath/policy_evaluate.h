// The policy maps in plain C++: what the data path's look-ups find in them, key
// by key as the kernel's tries compare them, while a plan is carried out and
// between plans.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "datapath/policy.h"

namespace weft::datapath {

// A trie of longest prefixes as BPF has it: the bits of the key's bytes behind
// the length, whatever they mean.
template <class Value>
class LongestPrefix {
 public:
  using Bytes = std::vector<uint8_t>;

  void put(uint32_t length, const Bytes& bytes, const Value& value) {
    entries_[length].insert_or_assign(masked(bytes, length), value);
  }
  void remove(uint32_t length, const Bytes& bytes) {
    const auto found = entries_.find(length);
    if (found == entries_.end()) return;
    found->second.erase(masked(bytes, length));
    if (found->second.empty()) entries_.erase(found);
  }
  // The longest of at most `longest` bits.
  const Value* find(const Bytes& bytes, uint32_t longest = ~uint32_t{0}) const {
    for (auto level = entries_.rbegin(); level != entries_.rend(); ++level) {
      if (level->first > longest) continue;
      const auto found = level->second.find(masked(bytes, level->first));
      if (found != level->second.end()) return &found->second;
    }
    return nullptr;
  }
  // The same keys, each with what `of` makes of its value.
  template <class Of>
  auto map(Of of) const {
    LongestPrefix<decltype(of(std::declval<Value>()))> mapped;
    for (const auto& [length, level] : entries_) {
      for (const auto& [bytes, value] : level) mapped.put(length, bytes, of(value));
    }
    return mapped;
  }
  bool operator==(const LongestPrefix&) const = default;

 private:
  static Bytes masked(Bytes bytes, uint32_t length) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      const size_t kept = length > i * 8 ? std::min<size_t>(length - i * 8, 8) : 0;
      bytes[i] = static_cast<uint8_t>(bytes[i] & (0xff00u >> kept));
    }
    return bytes;
  }
  std::map<uint32_t, std::map<Bytes, Value>> entries_;
};

class PolicyImage {
 public:
  struct Question {
    uint32_t set = 0;  // slot of the group set whose rules are asked
    model::Direction direction = model::Direction::In;
    model::Mode mode = model::Mode::Enforce;
    net::Address peer;
    uint32_t peer_set = 0;  // 0 beyond the gateway
    uint8_t protocol = 0;
    uint16_t selector = 0;
  };

  // The number of the rule that allows it at this instant, or 0.
  uint64_t first_rule(const Question& question, uint32_t generation, base::WallTime now) const;
  // 0 for a set in no use.
  uint32_t version_of(uint32_t set, uint32_t generation) const;

  // Write by write, in the order in which the data path does it; `written` hears
  // of each. Up to move() no look-up at `generation` may differ.
  void prepare(const PolicyPlan& plan, uint32_t generation, const std::function<void()>& written);
  void clean(const PolicyPlan& plan, const std::function<void()>& written);

  // Whether the maps hold what these tables say, and nothing else.
  bool holds(const PolicyTables& tables) const;

 private:
  uint64_t rule_of_class(uint32_t rule_class, const Question& question, base::WallTime now) const;

  LongestPrefix<abi::prefix> prefixes_;
  std::map<IdentityKey, abi::versioned> identities_;
  std::map<uint32_t, abi::set> sets_;
  LongestPrefix<uint32_t> cells_;
  std::map<uint32_t, Choice> choices_;
  std::map<uint32_t, RuleRow> rules_;
};

}  // namespace weft::datapath
