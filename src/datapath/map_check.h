// Reading maps back and mending them, a slice at a time: a map may have hundreds
// of thousands of rows, and packets and users wait for nobody.
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/map_linux.h"

namespace weft::datapath {

struct Slice {
  size_t left = 0;    // rows that may still be looked at
  size_t mended = 0;  // rows that were not as they should be
};

// One pass over one map. It may go on after rows have come and gone.
class Pass {
 public:
  explicit Pass(std::string map) : map_(std::move(map)) {}
  virtual ~Pass() = default;
  const std::string& map() const { return map_; }
  enum class Progress { Underway, Over };
  virtual Result<Progress> go_on(Slice& slice) = 0;

 private:
  std::string map_;
};

// How a row that was found is, against the one that is wanted. Stale: time has made
// it so, and nobody is to blame.
enum class Fit { Same, Stale, Wrong };

template <class Value>
Fit fit_bytes(const Value& found, const Value& wanted) {
  return std::memcmp(&found, &wanted, sizeof(Value)) == 0 ? Fit::Same : Fit::Wrong;
}

// Every row that is wanted is there. `row_of` makes (key, value) of an entry of the
// table; `fit` compares values.
template <class Key, class Value, class Table, class RowOf, class Compare>
class WantedPass : public Pass {
 public:
  WantedPass(const bpf::Map<Key, Value>& map, const Table& table, RowOf row_of, Compare fit)
      : Pass(map.name()), rows_(map), table_(table), row_of_(row_of), fit_(fit) {}

  Result<Progress> go_on(Slice& slice) override {
    auto entry = at_ ? table_.upper_bound(*at_) : table_.begin();
    for (; entry != table_.end() && slice.left > 0; ++entry, --slice.left) {
      at_ = entry->first;
      const std::pair<Key, Value> row = row_of_(*entry);
      const auto found = TRY(rows_.find(row.first));
      const Fit fit = found ? fit_(*found, row.second) : Fit::Wrong;
      if (fit == Fit::Same) continue;
      TRY_VOID(rows_.put(row.first, row.second));
      if (fit == Fit::Wrong) ++slice.mended;
    }
    return entry == table_.end() ? Progress::Over : Progress::Underway;
  }

 private:
  const bpf::Map<Key, Value>& rows_;
  const Table& table_;
  RowOf row_of_;
  Compare fit_;
  std::optional<typename Table::key_type> at_;
};

// Nothing else is there.
template <class Key, class Value, class IsWanted>
class FoundPass : public Pass {
 public:
  FoundPass(const bpf::Map<Key, Value>& map, IsWanted is_wanted)
      : Pass(map.name()), rows_(map), is_wanted_(is_wanted) {}

  Result<Progress> go_on(Slice& slice) override {
    if (!next_) next_ = TRY(rows_.next({}));
    for (; next_ && slice.left > 0; --slice.left) {
      const Key key = *next_;
      // Before the row goes: from one that is gone there is no going on.
      next_ = TRY(rows_.next(key));
      // One that a change of policy took away meanwhile is nobody's fault.
      if (is_wanted_(key) || !TRY(rows_.find(key))) continue;
      TRY_VOID(rows_.remove(key));
      ++slice.mended;
    }
    return next_ ? Progress::Underway : Progress::Over;
  }

 private:
  const bpf::Map<Key, Value>& rows_;
  IsWanted is_wanted_;
  std::optional<Key> next_;
};

using Passes = std::vector<std::unique_ptr<Pass>>;

template <class Key, class Value, class Table, class RowOf, class Compare>
void add_wanted(Passes& passes, const bpf::Map<Key, Value>& map, const Table& table, RowOf row_of, Compare fit) {
  passes.push_back(std::make_unique<WantedPass<Key, Value, Table, RowOf, Compare>>(map, table, row_of, fit));
}
template <class Key, class Value, class IsWanted>
void add_found(Passes& passes, const bpf::Map<Key, Value>& map, IsWanted is_wanted) {
  passes.push_back(std::make_unique<FoundPass<Key, Value, IsWanted>>(map, is_wanted));
}

}  // namespace weft::datapath
