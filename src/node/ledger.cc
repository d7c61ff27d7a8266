#include "node/ledger.h"

#include "base/rng.h"
#include "base/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "schema/command.h"

namespace weft::node {

using base::Code;

namespace {

constexpr size_t kReplayAtOnce = 1000;

Result<std::unique_ptr<store::Store>> open_store(const std::string& directory) {
  TRY_VOID(os::make_directories(directory, 0700));
  const std::string path = directory + "/state.db";
  auto opened = store::open_sqlite({.path = path});
  if (opened.ok() || opened.error().code != Code::NotFound) return opened;
  base::Rng rng(os::random_seed());
  return store::create_sqlite({.path = path, .cluster = "c-" + base::hex64(rng.next())});
}

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(const Options& options, store::Writer::Post post, Listener listener) {
  auto store = TRY(open_store(options.directory).within("agreed state"));
  std::unique_ptr<Ledger> ledger(new Ledger(options, std::move(store), std::move(listener)));
  TRY_VOID(ledger->replay().within("agreed state"));
  ledger->writer_ = std::make_unique<store::Writer>(*ledger->store_, std::move(post));
  return ledger;
}

Result<> Ledger::replay() {
  if (const auto snapshot = TRY(store_->latest_snapshot())) {
    state_ = model::State::of(TRY(schema::parse_snapshot(snapshot->bytes).within("snapshot")));
    head_ = snapshot_ = snapshot->revision;
  }
  while (head_ < store_->head()) {
    for (const store::Entry& entry : TRY(store_->read(head_ + 1, kReplayAtOnce))) {
      const std::string where = "command " + std::to_string(entry.revision);
      const model::Command command = TRY(schema::parse_command(entry.bytes).within(where));
      TRY_VOID(state_.replay(command).within(where));
      head_ = entry.revision;
    }
  }
  durable_ = head_;
  return {};
}

std::vector<model::Object> Ledger::durable_objects() const {
  if (pending_.empty()) return state_.objects();
  model::State durable = state_;
  for (auto it = pending_.rbegin(); it != pending_.rend(); ++it) durable.undo(it->changes);
  return durable.objects();
}

std::optional<std::vector<store::Entry>> Ledger::entries_behind(uint64_t revision, size_t most) const {
  if (revision > durable_ || durable_ - revision > most) return std::nullopt;
  if (revision == durable_) return std::vector<store::Entry>();
  auto entries = store_->read(revision + 1, durable_ - revision);
  if (!entries.ok() || entries->size() != durable_ - revision) return std::nullopt;
  return *std::move(entries);
}

Result<model::Changes> Ledger::rehearse(const model::Command& command) {
  auto changes = TRY(state_.apply(command));
  state_.undo(changes);
  return changes;
}

Result<> Ledger::commit(model::Command command, Done done) {
  if (!read_only_.empty()) return error(Code::Unavailable, "nothing can be changed now: {}", read_only_);
  auto changes = TRY(state_.apply(command));
  if (changes.empty()) {
    // Nothing to keep; it is done when all before it is.
    if (pending_.empty()) {
      done(durable_);
    } else {
      pending_.push_back({.revision = head_, .changes = {}, .bytes = {}, .done = std::move(done)});
    }
    return {};
  }
  const uint64_t revision = head_ + 1;
  std::string bytes = schema::encode(command);
  std::string kept = listener_.durable ? bytes : std::string();
  auto queued = writer_->append({{.revision = revision, .bytes = std::move(bytes)}},
                                [this, revision](Result<> outcome) { settled(revision, std::move(outcome)); });
  if (!queued.ok()) {
    state_.undo(changes);
    return std::move(queued).error().within("too many changes at once");
  }
  head_ = revision;
  pending_.push_back({.revision = revision, .changes = changes, .bytes = std::move(kept), .done = std::move(done)});
  listener_.changed(changes);
  return {};
}

void Ledger::settled(uint64_t revision, Result<> outcome) {
  if (!outcome.ok()) {
    // The first failure fails everything behind it.
    if (!pending_.empty()) take_back(outcome.error());
    return;
  }
  durable_ = revision;
  while (!pending_.empty() && pending_.front().revision <= revision) {
    Pending ready = std::move(pending_.front());
    pending_.pop_front();
    if (listener_.durable && !ready.changes.empty()) {
      listener_.durable({.revision = ready.revision, .bytes = std::move(ready.bytes)}, ready.changes);
    }
    ready.done(ready.revision);
  }
  snapshot_if_due();
}

void Ledger::take_back(const Error& why) {
  read_only_ = why.what;
  std::deque<Pending> failed;
  failed.swap(pending_);
  for (auto it = failed.rbegin(); it != failed.rend(); ++it) {
    state_.undo(it->changes);
    model::Changes reversed;
    for (auto change = it->changes.rbegin(); change != it->changes.rend(); ++change) {
      reversed.push_back({.before = change->after, .after = change->before});
    }
    if (!reversed.empty()) listener_.changed(reversed);
  }
  head_ = durable_;
  for (Pending& pending : failed) pending.done(Error(why));
}

void Ledger::retry() {
  if (read_only_.empty() || !pending_.empty()) return;
  writer_->resume();
  // A named value is the smallest write that there is.
  auto queued = writer_->put("probe", std::to_string(durable_), [this](Result<> outcome) {
    if (outcome.ok()) read_only_.clear();
  });
  (void)queued;
}

void Ledger::snapshot_if_due() {
  if (durable_ < snapshot_ + options_.snapshot_every || head_ != durable_) return;
  const uint64_t before = snapshot_;
  snapshot_ = durable_;
  auto queued = writer_->snapshot({.revision = durable_, .bytes = schema::encode(state_.snapshot())},
                                  [this, before](Result<> outcome) {
                                    if (!outcome.ok()) snapshot_ = before;
                                  });
  if (!queued.ok()) snapshot_ = before;
}

}  // namespace weft::node
