// The ledger: the agreed state together with the log that keeps it. A command
// is judged and in the state at once, and durable a little later; what the disk
// refused is taken back.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "model/state.h"
#include "store/store.h"
#include "store/writer.h"

namespace weft::node {

class Ledger {
 public:
  struct Options {
    std::string directory;             // of the state, on a disk that keeps it
    uint64_t snapshot_every = 10'000;  // commands
  };
  struct Listener {
    // What a command did, in the state already. Called for the undoing, too.
    std::function<void(const model::Changes&)> changed = [](const model::Changes&) {};
    // A command that is durable and what it did, before its `done`. Nobody listens: nothing.
    std::function<void(store::Entry, const model::Changes&)> durable;
  };
  using Done = std::function<void(Result<uint64_t>)>;

  // Opens the log, or founds a new one in an empty directory, and brings the state
  // to its head. `post` runs a function on the loop's thread.
  static Result<std::unique_ptr<Ledger>> open(const Options& options, store::Writer::Post post, Listener listener);

  const model::State& state() const { return state_; }
  uint64_t revision() const { return durable_; }
  // Every object as of revision().
  std::vector<model::Object> durable_objects() const;
  // The durable entries behind a revision; absent: more than `most`, or not kept.
  std::optional<std::vector<store::Entry>> entries_behind(uint64_t revision, size_t most) const;
  const std::string& cluster() const { return store_->cluster(); }
  // Why nothing is accepted now; empty: commands are.
  const std::string& read_only() const { return read_only_; }

  // Refused at once, or accepted: then `done` says the revision when it is durable,
  // or why it isn't.
  Result<> commit(model::Command command, Done done);
  // What the command would change.
  Result<model::Changes> rehearse(const model::Command& command);
  // After a failure: whether the disk takes commands again.
  void retry();

 private:
  struct Pending {
    uint64_t revision;
    model::Changes changes;
    std::string bytes;  // if somebody listens
    Done done;
  };

  Ledger(Options options, std::unique_ptr<store::Store> store, Listener listener)
      : options_(std::move(options)), store_(std::move(store)), listener_(std::move(listener)) {}
  Result<> replay();
  void settled(uint64_t revision, Result<> outcome);
  void take_back(const Error& why);
  void snapshot_if_due();

  Options options_;
  std::unique_ptr<store::Store> store_;
  Listener listener_;
  model::State state_;
  uint64_t head_ = 0;     // of what the state has
  uint64_t durable_ = 0;  // of what the log has
  uint64_t snapshot_ = 0;
  std::deque<Pending> pending_;
  std::string read_only_;
  std::unique_ptr<store::Writer> writer_;  // last: it ends first
};

}  // namespace weft::node
