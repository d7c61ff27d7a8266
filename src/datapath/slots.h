// Small numbers for things that BPF arrays are indexed by. A number that is
// given back is not handed out again before it is released: a packet that is
// being judged may still follow it. Then it waits until all others were handed out: a
// flow that is idle still names what had it. Who rests keeps its number meanwhile.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "base/check.h"

namespace weft::datapath {

template <class Key>
class Slots {
 public:
  // Slots 1 to most - 1; 0 stands for "none" everywhere.
  explicit Slots(uint32_t most) : most_(most) {}

  std::optional<uint32_t> find(const Key& key) const {
    const auto found = slots_.find(key);
    if (found == slots_.end()) return std::nullopt;
    return found->second;
  }
  // The key's slot, a new one if it had none. Nothing when all are in use.
  std::optional<uint32_t> take(const Key& key) {
    if (const auto slot = find(key)) {
      if (resting_.erase(*slot) > 0) std::erase(free_, *slot);
      return slot;
    }
    if (!has_room()) return std::nullopt;
    uint32_t slot = next_;
    if (next_ < most_) {
      ++next_;
    } else {
      slot = free_.front();
      free_.pop_front();
      if (const auto other = resting_.extract(slot)) slots_.erase(other.mapped());
    }
    slots_.emplace(key, slot);
    return slot;
  }
  // Whether a key that has none gets one.
  bool has_room() const { return next_ < most_ || !free_.empty(); }
  // The key doesn't need its slot until it takes it again. It stays the key's until
  // its turn comes among those that were released.
  void rest(const Key& key) {
    const auto slot = find(key);
    if (slot && resting_.emplace(*slot, key).second) free_.push_back(*slot);
  }
  bool rests(const Key& key) const {
    const auto slot = find(key);
    return slot && resting_.contains(*slot);
  }
  // Says that the slot is the key's already: it was found in the kernel.
  void adopt(const Key& key, uint32_t slot) {
    avoid(slot);
    slots_.emplace(key, slot);
  }
  // Keeps the slot out of use until it is released.
  void avoid(uint32_t slot) {
    CHECK(slot > 0 && slot < most_);
    if (slot < next_) std::erase(free_, slot);
    for (; next_ <= slot; ++next_) {
      if (next_ != slot) free_.push_back(next_);
    }
  }
  // Gives the key's slot up; it can be taken again after release().
  std::optional<uint32_t> drop(const Key& key) {
    const auto found = slots_.find(key);
    if (found == slots_.end()) return std::nullopt;
    const uint32_t slot = found->second;
    slots_.erase(found);
    if (resting_.erase(slot) > 0) std::erase(free_, slot);
    return slot;
  }
  void release(uint32_t slot) { free_.push_back(slot); }
  size_t size() const { return slots_.size(); }
  const std::map<Key, uint32_t>& all() const { return slots_; }

 private:
  uint32_t most_;
  uint32_t next_ = 1;
  std::deque<uint32_t> free_;  // and those of keys that rest; the next first
  std::map<Key, uint32_t> slots_;
  std::map<uint32_t, Key> resting_;
};

}  // namespace weft::datapath
