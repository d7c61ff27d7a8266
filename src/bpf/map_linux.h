// The maps as weftd sees them: typed by the layouts of abi.h, and pinned in a bpffs.
#pragma once

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weft::bpf {

// One map, by its bytes. The typed view is below.
struct RawMap {
  std::string name;
  int fd = -1;
  size_t key_size = 0, value_size = 0;

  Result<> put(const void* key, const void* value) const {
    if (bpf_map_update_elem(fd, key, value, BPF_ANY) != 0) return base::errno_error("write map " + name, errno);
    return {};
  }
  // In as few system calls as the kernel allows.
  Result<> put_many(const void* keys, const void* values, size_t count) const {
    const auto* key = static_cast<const char*>(keys);
    const auto* value = static_cast<const char*>(values);
    while (count > 0) {
      auto done = static_cast<uint32_t>(std::min<size_t>(count, 1u << 16));
      const bool whole = bpf_map_update_batch(fd, key, value, &done, nullptr) == 0;
      // A kernel that has no batches for this kind of map takes them one by one.
      if (!whole && done == 0) {
        TRY_VOID(put(key, value));
        done = 1;
      }
      key += done * key_size;
      value += done * value_size;
      count -= done;
    }
    return {};
  }
  // Absent counts as removed.
  Result<> remove(const void* key) const {
    if (bpf_map_delete_elem(fd, key) == 0 || errno == ENOENT) return {};
    return base::errno_error("remove from map " + name, errno);
  }
  Result<bool> find(const void* key, void* value) const {
    if (bpf_map_lookup_elem(fd, key, value) == 0) return true;
    if (errno == ENOENT) return false;
    return base::errno_error("read map " + name, errno);
  }
  // All keys and all values, one after the other; answers how many there are. In
  // batches: one system call for each entry is half a second for the empty tables.
  Result<size_t> read_all(std::vector<char>& keys, std::vector<char>& values) const {
    constexpr uint32_t kBatch = 4096;
    std::vector<char> cursor(std::max(key_size, sizeof(uint32_t)));
    size_t count = 0;
    for (bool at_end = false; !at_end;) {
      uint32_t more = kBatch;
      keys.resize((count + kBatch) * key_size);
      values.resize((count + kBatch) * value_size);
      at_end = bpf_map_lookup_batch(fd, count == 0 ? nullptr : cursor.data(), cursor.data(), &keys[count * key_size],
                                    &values[count * value_size], &more, nullptr) != 0;
      if (at_end && errno != ENOENT) return base::errno_error("read map " + name, errno);
      count += more;
    }
    return count;
  }
  // The key after this one; after the last, or in an empty map, false.
  Result<bool> next(const void* key, void* next_key) const {
    if (bpf_map_get_next_key(fd, key, next_key) == 0) return true;
    if (errno == ENOENT) return false;
    return base::errno_error("walk map " + name, errno);
  }
};

template <class Key, class Value>
class Map {
 public:
  Map() = default;
  Map(std::string name, int fd) : raw_{std::move(name), fd, sizeof(Key), sizeof(Value)} {}

  Result<> put(const Key& key, const Value& value) const { return raw_.put(&key, &value); }
  Result<> put_many(const std::vector<Key>& keys, const std::vector<Value>& values) const {
    return raw_.put_many(keys.data(), values.data(), keys.size());
  }
  Result<> remove(const Key& key) const { return raw_.remove(&key); }
  Result<> remove_many(const std::vector<Key>& keys) const {
    for (const Key& key : keys) TRY_VOID(remove(key));
    return {};
  }
  Result<std::optional<Value>> find(const Key& key) const {
    Value value;
    if (!TRY(raw_.find(&key, &value))) return std::optional<Value>();
    return std::optional<Value>(value);
  }
  Result<Value> get(const Key& key) const {
    const auto value = TRY(find(key));
    if (!value) return error(base::Code::NotFound, "map {}: no such entry", raw_.name);
    return *value;
  }
  // The key after this one, the first if there is none before; nothing after the last.
  Result<std::optional<Key>> next(const std::optional<Key>& key) const {
    Key found;
    if (!TRY(raw_.next(key ? &*key : nullptr, &found))) return std::optional<Key>();
    return std::optional<Key>(found);
  }
  // Every entry. Not for maps that the data path changes faster than they are read.
  Result<std::vector<std::pair<Key, Value>>> all() const {
    std::vector<char> keys, values;
    std::vector<std::pair<Key, Value>> entries(TRY(raw_.read_all(keys, values)));
    for (size_t i = 0; i < entries.size(); ++i) {
      std::memcpy(&entries[i].first, &keys[i * sizeof(Key)], sizeof(Key));
      std::memcpy(&entries[i].second, &values[i * sizeof(Value)], sizeof(Value));
    }
    return entries;
  }
  // All values of an array, by index: one system call instead of two for each.
  Result<std::vector<Value>> array(uint32_t size) const {
    std::vector<Key> keys(size);
    std::vector<Value> values(size);
    uint32_t count = size, next = 0;
    const bool whole = bpf_map_lookup_batch(raw_.fd, nullptr, &next, keys.data(), values.data(), &count, nullptr) == 0;
    if (!whole && errno != ENOENT) return base::errno_error("read map " + raw_.name, errno);
    values.resize(count);
    return values;
  }
  int fd() const { return raw_.fd; }
  const std::string& name() const { return raw_.name; }

 private:
  RawMap raw_;
};

// A map with a value for each processor.
template <class Value>
class PerCpuArray {
 public:
  PerCpuArray() = default;
  PerCpuArray(std::string name, int fd, size_t cpus)
      : raw_{std::move(name), fd, sizeof(uint32_t), (sizeof(Value) + 7) / 8 * 8 * cpus}, cpus_(cpus) {}
  Result<std::vector<Value>> get(uint32_t index) const {
    std::vector<char> bytes(raw_.value_size);
    if (!TRY(raw_.find(&index, bytes.data()))) {
      return error(base::Code::NotFound, "map {}: no entry {}", raw_.name, index);
    }
    std::vector<Value> values(cpus_);
    for (size_t i = 0; i < cpus_; ++i) std::memcpy(&values[i], &bytes[i * (raw_.value_size / cpus_)], sizeof(Value));
    return values;
  }
  Result<> clear(uint32_t index) const {
    const std::vector<char> zero(raw_.value_size);
    return raw_.put(&index, zero.data());
  }
  int fd() const { return raw_.fd; }

 private:
  RawMap raw_;
  size_t cpus_ = 0;
};

inline Result<uint32_t> map_id(int fd) {
  bpf_map_info info{};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return base::errno_error("ask for a map's id", errno);
  return info.id;
}

inline Result<uint32_t> program_id(int fd) {
  bpf_prog_info info{};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return base::errno_error("ask for a program's id", errno);
  return info.id;
}

// Sees to it that the path leads to this map. Answers whether it already did.
inline Result<bool> keep_pinned(int map, const std::string& path) {
  const int found = bpf_obj_get(path.c_str());
  if (found < 0 && errno != ENOENT) return base::errno_error("look at " + path, errno);
  if (found >= 0) {
    const auto theirs = map_id(found);
    close(found);
    if (theirs.ok() && *theirs == TRY(map_id(map))) return true;
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return base::errno_error("remove " + path, errno);
  }
  if (bpf_obj_pin(map, path.c_str()) != 0) return base::errno_error("pin " + path, errno);
  return false;
}

}  // namespace weft::bpf
