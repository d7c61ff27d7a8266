// The BPF programs and maps of this instance in the kernel. The maps are pinned:
// opening again finds them, with every flow and every counter.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bpf/abi.h"
#include "os/fd.h"

struct weft_bpf;
struct ring_buffer;

namespace weft::datapath {

// One map, by its bytes. The typed view is below.
struct RawMap {
  std::string name;
  int fd = -1;
  size_t key_size = 0, value_size = 0;

  Result<> put(const void* key, const void* value) const;
  // In as few system calls as the kernel allows.
  Result<> put_many(const void* keys, const void* values, size_t count) const;
  Result<> remove(const void* key) const;  // absent counts as removed
  Result<bool> find(const void* key, void* value) const;
  // All keys and all values, one after the other; answers how many there are.
  Result<size_t> read_all(std::vector<char>* keys, std::vector<char>* values) const;
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
  // Every entry. Not for maps that the data path changes faster than they are read.
  Result<std::vector<std::pair<Key, Value>>> all() const {
    std::vector<char> keys, values;
    std::vector<std::pair<Key, Value>> entries(TRY(raw_.read_all(&keys, &values)));
    for (size_t i = 0; i < entries.size(); ++i) {
      std::memcpy(&entries[i].first, &keys[i * sizeof(Key)], sizeof(Key));
      std::memcpy(&entries[i].second, &values[i * sizeof(Value)], sizeof(Value));
    }
    return entries;
  }
  int fd() const { return raw_.fd; }

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

class Bpf {
 public:
  struct Options {
    std::string pins;  // a directory in a bpffs; made if it is missing
    uint32_t most_flows = abi::MOST_FLOWS;
  };
  static Result<Bpf> open(const Options& options);
  Bpf(Bpf&&) noexcept;
  Bpf& operator=(Bpf&&) noexcept;
  ~Bpf();

  // Program descriptors: for tc, and for a test run.
  const os::Fd& from_tni() const { return from_tni_; }
  const os::Fd& from_gateway() const { return from_gateway_; }
  int judge_probe() const;
  int sweep_probe() const;

  Map<uint32_t, abi::device> devices;
  Map<uint32_t, abi::tni> tnis;
  Map<uint32_t, abi::vpc> vpcs;
  Map<abi::endpoint_key, abi::endpoint> endpoints;
  Map<abi::range_key, uint32_t> ranges;
  Map<uint32_t, abi::set> sets;
  Map<abi::prefix_key, abi::versioned> prefixes;
  Map<abi::identity_key, abi::versioned> identities;
  Map<abi::cell_key, uint32_t> cells;
  Map<uint32_t, abi::choice> choices;
  Map<uint32_t, abi::rule> rules;
  Map<abi::flow_key, abi::flow> flows;
  Map<uint32_t, uint32_t> flow_counts;
  Map<uint32_t, uint32_t> generation;
  Map<uint32_t, abi::common> common;
  PerCpuArray<abi::counters> tni_counters;
  PerCpuArray<uint64_t> rule_hits;
  PerCpuArray<uint64_t> reasons;
  PerCpuArray<uint32_t> judging;
  int events_fd() const { return events_fd_; }

 private:
  Bpf();
  Result<> load(const Options& options);
  Result<> start_sweep() const;

  weft_bpf* skeleton_ = nullptr;
  os::Fd from_tni_, from_gateway_;
  int events_fd_ = -1;
};

// The ring of events, read in batches.
class Events {
 public:
  static Result<std::unique_ptr<Events>> open(const Bpf& bpf);
  ~Events();
  // Hands over what has come, `most` at the most; answers how many.
  size_t drain(size_t most, const std::function<void(const abi::event&)>& take);

 private:
  Events() = default;
  static int take_one(void* self, void* data, size_t size);
  ring_buffer* ring_ = nullptr;
  size_t left_ = 0;
  const std::function<void(const abi::event&)>* take_ = nullptr;
};

}  // namespace weft::datapath
