// One BPF map, typed.
#pragma once

#include <bpf/bpf.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weft::gateway {

template <class Key, class Value>
class Map {
 public:
  Map(std::string name, int fd) : name_(std::move(name)), fd_(fd) {}

  Result<> put(const Key& key, const Value& value) const {
    if (bpf_map_update_elem(fd_, &key, &value, BPF_ANY) != 0) return base::errno_error("write map " + name_, errno);
    return {};
  }
  // Absent counts as removed.
  Result<> remove(const Key& key) const {
    if (bpf_map_delete_elem(fd_, &key) == 0 || errno == ENOENT) return {};
    return base::errno_error("remove from map " + name_, errno);
  }
  Result<std::vector<std::pair<Key, Value>>> all() const {
    std::vector<std::pair<Key, Value>> rows;
    Key key{}, next{};
    const Key* at = nullptr;
    while (bpf_map_get_next_key(fd_, at, &next) == 0) {
      key = next;
      at = &key;
      Value value{};
      if (bpf_map_lookup_elem(fd_, &key, &value) == 0) rows.emplace_back(key, value);
    }
    if (errno != ENOENT) return base::errno_error("read map " + name_, errno);
    return rows;
  }

  // All values of an array, by index: one system call instead of two for each.
  Result<std::vector<Value>> array(uint32_t size) const {
    std::vector<Key> keys(size);
    std::vector<Value> values(size);
    uint32_t count = size, next = 0;
    const bool whole = bpf_map_lookup_batch(fd_, nullptr, &next, keys.data(), values.data(), &count, nullptr) == 0;
    if (!whole && errno != ENOENT) return base::errno_error("read map " + name_, errno);
    values.resize(count);
    return values;
  }

 private:
  std::string name_;
  int fd_;
};

}  // namespace weft::gateway
