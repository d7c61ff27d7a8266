// A map together with what it should hold, so that the two can be compared.
#pragma once

#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "bpf/map_linux.h"

namespace weft::datapath {

// Keys of maps have no unnamed padding (bpf/abi.h): their bytes are what counts.
template <class Key>
struct ByBytes {
  bool operator()(const Key& left, const Key& right) const { return std::memcmp(&left, &right, sizeof(Key)) < 0; }
};

template <class Key, class Value>
class KeptMap {
 public:
  using Rows = std::map<Key, Value, ByBytes<Key>>;

  explicit KeptMap(bpf::Map<Key, Value> map) : map_(std::move(map)) {}

  // What fails here is tried again when the map is compared.
  Result<> put(const Key& key, const Value& value) {
    rows_.insert_or_assign(key, value);
    return map_.put(key, value);
  }
  Result<> remove(const Key& key) {
    rows_.erase(key);
    return map_.remove(key);
  }
  // An array's row: there is no removing it.
  Result<> clear(const Key& key) {
    rows_.erase(key);
    return map_.put(key, Value{});
  }
  // It was found in the kernel, and shall stay.
  void adopt(const Key& key, const Value& value) { rows_.insert_or_assign(key, value); }

  std::optional<Value> find(const Key& key) const {
    const auto found = rows_.find(key);
    return found == rows_.end() ? std::nullopt : std::optional(found->second);
  }
  const Rows& rows() const { return rows_; }
  const bpf::Map<Key, Value>& map() const { return map_; }

 private:
  bpf::Map<Key, Value> map_;
  Rows rows_;
};

}  // namespace weft::datapath
