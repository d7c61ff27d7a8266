// Whatever is done in whatever order, the store answers as a few maps would.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "store/store.h"
#include "store/testing.h"

namespace weft::store {
namespace {

using base::Code;

enum class Kind { Append, AppendElsewhere, Snapshot, Put, Reopen };

struct Operation {
  Kind kind;
  uint64_t number;  // how many, or where; what it means is the operation's
};

std::ostream& operator<<(std::ostream& out, const Operation& operation) {
  return out << static_cast<int>(operation.kind) << ":" << operation.number;
}

rc::Gen<Operation> any_operation() {
  const auto kind = rc::gen::weightedElement<Kind>(
      {{6, Kind::Append}, {1, Kind::AppendElsewhere}, {3, Kind::Snapshot}, {2, Kind::Put}, {2, Kind::Reopen}});
  return rc::gen::construct<Operation>(kind, rc::gen::inRange<uint64_t>(0, 12));
}

// What a store is, without a disk.
struct Model {
  uint64_t kept;
  std::map<Revision, std::string> log = {};
  Revision head = 0;
  Revision oldest = 1;
  std::optional<Snapshot> snapshot = {};
  std::map<std::string, std::string> values = {};

  bool take_snapshot(const Snapshot& next) {
    if (next.revision == 0 || next.revision > head || (snapshot && next.revision < snapshot->revision)) return false;
    snapshot = next;
    while (oldest + kept <= next.revision) log.erase(oldest++);
    return true;
  }
};

class Pair {
 public:
  explicit Pair(uint64_t kept)
      : options_{.path = folder_.path("store.db"), .cluster = "c", .kept_entries = kept}, model_{.kept = kept} {
    store_ = *create_sqlite(options_);
  }

  void apply(const Operation& operation) {
    switch (operation.kind) {
      case Kind::Append: return append(operation.number);
      case Kind::AppendElsewhere: return append_elsewhere(operation.number);
      case Kind::Snapshot: return snapshot(operation.number);
      case Kind::Put: return put(operation.number);
      case Kind::Reopen:
        store_.reset();
        store_ = *open_sqlite(options_);
        return;
    }
  }

  void compare() const {
    RC_ASSERT(store_->head() == model_.head);
    RC_ASSERT(store_->oldest() == model_.oldest);
    RC_ASSERT(*store_->latest_snapshot() == model_.snapshot);
    std::vector<Entry> log;
    for (const auto& [revision, bytes] : model_.log) log.push_back({revision, bytes});
    RC_ASSERT(*store_->read(model_.oldest, 1'000'000) == log);
    if (model_.oldest > 1) RC_ASSERT(store_->read(model_.oldest - 1, 1).error().code == Code::NotFound);
    for (uint64_t i = 0; i < 12; ++i) {
      const std::string name = fmt::format("n{}", i);
      const auto found = model_.values.find(name);
      RC_ASSERT(store_->get(name) == (found == model_.values.end() ? std::nullopt : std::optional(found->second)));
    }
  }

 private:
  void append(uint64_t count) {
    std::vector<Entry> entries;
    for (uint64_t i = 0; i < count; ++i) {
      entries.push_back({model_.head + 1, std::string(next_ * 13 % 9000, static_cast<char>(next_))});
      model_.log[++model_.head] = entries.back().bytes;
      ++next_;
    }
    RC_ASSERT(store_->append(entries).ok());
  }
  void append_elsewhere(uint64_t at) {
    if (at == model_.head + 1) return;
    const std::vector<Entry> entries = {{at, "x"}};
    RC_ASSERT(store_->append(entries).error().code == Code::Conflict);
  }
  void snapshot(uint64_t back) {
    const Snapshot next{model_.head - std::min(back, model_.head), std::string(next_++ * 997 % 30'000, 's')};
    RC_ASSERT(store_->snapshot(next).ok() == model_.take_snapshot(next));
  }
  void put(uint64_t number) {
    const std::string name = fmt::format("n{}", number);
    model_.values[name] = fmt::format("v{}", next_++);
    RC_ASSERT(store_->put(name, model_.values[name]).ok());
  }

  testing::Folder folder_;
  Options options_;
  Model model_;
  std::unique_ptr<Store> store_;
  uint64_t next_ = 1;
};

RC_GTEST_PROP(StoreModel, AnswersAsTheModelDoes, ()) {
  Pair pair(*rc::gen::inRange<uint64_t>(0, 15));
  for (const Operation& operation : *rc::gen::container<std::vector<Operation>>(any_operation())) {
    pair.apply(operation);
    pair.compare();
  }
}

}  // namespace
}  // namespace weft::store
