#include <mutex>

#include "base/text.h"
#include "store/disk_error.h"
#include "store/files.h"
#include "store/high_mark.h"
#include "store/layout.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace weft::store {
namespace {

using base::Code;
using base::error;
using sqlite::Database;

class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<Database> database, HighMark mark, Status status, Values values, uint64_t kept_entries)
      : database_(std::move(database)),
        mark_(std::move(mark)),
        status_(std::move(status)),
        values_(std::move(values)),
        cluster_(status_.cluster),
        kept_entries_(kept_entries) {}

  const std::string& cluster() const override { return cluster_; }
  Revision head() const override {
    const std::lock_guard lock(mutex_);
    return status_.head;
  }
  Revision oldest() const override {
    const std::lock_guard lock(mutex_);
    return status_.oldest;
  }

  Result<> append(std::span<const Entry> entries) override;
  Result<std::vector<Entry>> read(Revision from, size_t limit) const override;
  Result<> snapshot(const Snapshot& snapshot) override;
  Result<std::optional<Snapshot>> latest_snapshot() const override;
  Result<> put(std::string_view name, std::string_view value) override;
  std::optional<std::string> get(std::string_view name) const override;

 private:
  // Runs body(next) in a transaction, with a copy of the status for it to change, and commits both.
  template <class Body>
  Result<> change(Body body);

  mutable std::mutex mutex_;  // for all that follows, except what is const
  const std::unique_ptr<Database> database_;
  HighMark mark_;
  Status status_;
  Values values_;
  const std::string cluster_;
  const uint64_t kept_entries_;
};

template <class Body>
Result<> SqliteStore::change(Body body) {
  if (database_->doubtful()) {
    return error(Code::Unavailable, "{}: a write failed before, and it is open what the disk holds; start again",
                 database_->path());
  }
  Status next = status_;
  ++next.changes;
  sqlite::Transaction transaction = TRY(sqlite::Transaction::begin(*database_));
  TRY_VOID(body(next));
  TRY_VOID(write_status(*database_, next));
  TRY_VOID(transaction.commit());
  // Committed and flushed. A mark that can't be raised stays a true one, only a lower one.
  status_ = std::move(next);
  (void)mark_.write(status_.changes);
  return {};
}

Result<> check_entries(std::span<const Entry> entries, Revision head) {
  if (entries.front().revision != head + 1) {
    return error(Code::Conflict, "revision {} does not follow the head, {}", entries.front().revision, head);
  }
  for (const Entry& entry : entries) {
    if (entry.revision != ++head) return error(Code::Usage, "revision {} stands where {} must", entry.revision, head);
    if (entry.bytes.size() > kMaxEntryBytes) {
      return error(Code::Limit, "entry {} has {} bytes; at most {}", head, entry.bytes.size(), kMaxEntryBytes);
    }
  }
  return {};
}

Result<> SqliteStore::append(std::span<const Entry> entries) {
  if (entries.empty()) return {};
  const std::lock_guard lock(mutex_);
  TRY_VOID(check_entries(entries, status_.head));
  return change([&](Status& next) -> Result<> {
    sqlite::Statement insert = TRY(database_->prepare("INSERT INTO entry VALUES (?, ?, ?)"));
    for (const Entry& entry : entries) TRY_VOID(write_entry(insert, entry, cluster_));
    next.head = entries.back().revision;
    return {};
  });
}

Result<std::vector<Entry>> SqliteStore::read(Revision from, size_t limit) const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> entries;
  if (from < status_.oldest) {
    return error(Code::NotFound, "revision {} is no longer in the log; the oldest is {}", from, status_.oldest);
  }
  if (from > status_.head || limit == 0) return entries;
  size_t bytes = 0;
  TRY_VOID(read_entries(*database_, status_, from, [&](Entry entry) {
    bytes += entry.bytes.size();
    if (!entries.empty() && bytes > kMaxReadBytes) return Reading::Stop;
    entries.push_back(std::move(entry));
    return entries.size() < limit ? Reading::Go : Reading::Stop;
  }));
  return entries;
}

Result<> SqliteStore::snapshot(const Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  if (snapshot.revision == 0 || snapshot.revision > status_.head || snapshot.revision < status_.snapshot) {
    return error(Code::Conflict, "no snapshot of revision {}: the head is {}, the present snapshot {}",
                 snapshot.revision, status_.head, status_.snapshot);
  }
  if (snapshot.bytes.size() > kMaxSnapshotBytes) {
    return error(Code::Limit, "a snapshot of {} bytes; at most {}", snapshot.bytes.size(), kMaxSnapshotBytes);
  }
  return change([&](Status& next) -> Result<> {
    TRY_VOID(write_snapshot(*database_, snapshot, cluster_));
    next.snapshot = snapshot.revision;
    if (snapshot.revision <= kept_entries_ || snapshot.revision - kept_entries_ < next.oldest) return {};
    next.oldest = snapshot.revision - kept_entries_ + 1;
    sqlite::Statement trim = TRY(database_->prepare("DELETE FROM entry WHERE revision < ?"));
    return trim.bind(1, next.oldest).run();
  });
}

Result<std::optional<Snapshot>> SqliteStore::latest_snapshot() const {
  const std::lock_guard lock(mutex_);
  return read_snapshot(*database_, status_);
}

Result<> SqliteStore::put(std::string_view name, std::string_view value) {
  const std::lock_guard lock(mutex_);
  if (name.empty() || name.size() > kMaxNameBytes || value.size() > kMaxValueBytes) {
    return error(Code::Limit, "a name of {} and a value of {} bytes; at most {} and {}", name.size(), value.size(),
                 kMaxNameBytes, kMaxValueBytes);
  }
  Values next_values = values_;
  next_values.insert_or_assign(std::string(name), std::string(value));
  if (next_values.size() > kMaxValues) return error(Code::Limit, "more than {} named values", kMaxValues);
  const Result<> changed = change([&](Status& next) -> Result<> {
    next.values_checksum = checksum_of(next_values);
    sqlite::Statement replace = TRY(database_->prepare("REPLACE INTO named VALUES (?, ?)"));
    return replace.bind(1, name).bind(2, value).run();
  });
  if (!changed.ok()) return changed;
  values_ = std::move(next_values);
  return {};
}

std::optional<std::string> SqliteStore::get(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

Result<> check_cluster(const Options& options, const Status& status) {
  if (options.cluster.empty() || options.cluster == status.cluster) return {};
  return Error{.code = Code::Conflict,
               .what = fmt::format("{}: belongs to cluster {}, not to {}", options.path,
                                   base::printable(status.cluster), base::printable(options.cluster)),
               .holder = status.cluster};
}

Result<> check_contents(const Database& database, const Status& status) {
  TRY_VOID(read_entries(database, status, status.oldest, [](const Entry&) { return Reading::Go; }));
  TRY_VOID(read_snapshot(database, status));
  const uint64_t kept = TRY(database.number("SELECT count(*) FROM entry"));
  if (kept != status.head + 1 - status.oldest) return damaged(database.path(), "there are entries before the oldest");
  return {};
}

Result<> check_mark(const HighMark& mark, const Status& status, std::string_view path) {
  const std::optional<uint64_t> marked = TRY(mark.read());
  if (!marked || *marked <= status.changes) return {};
  return damaged(path, fmt::format("it holds {} changes of {} that were committed", status.changes, *marked));
}

Result<> build(const std::string& path, const std::string& cluster) {
  std::unique_ptr<Database> database = TRY(Database::open(path));
  TRY_VOID(write_layout(*database, {.cluster = cluster, .changes = 1, .values_checksum = checksum_of(Values())}));
  return database->run("PRAGMA wal_checkpoint(TRUNCATE)");  // all of it must be in the one file that gets the name
}

}  // namespace

Result<std::unique_ptr<Store>> create_sqlite(const Options& options) {
  if (options.cluster.empty() || options.cluster.size() > kMaxNameBytes) {
    return error(Code::Usage, "a new store needs the name of its cluster, of at most {} bytes", kMaxNameBytes);
  }
  TRY_VOID(create_file(options.path, [&](const std::string& path) { return build(path, options.cluster); }));
  return open_sqlite(options);
}

Result<std::unique_ptr<Store>> open_sqlite(const Options& options) {
  TRY_VOID(check_files(options.path));
  std::unique_ptr<Database> database = TRY(Database::open(options.path));
  TRY_VOID(check_layout(*database));
  Status status = TRY(read_status(*database));
  TRY_VOID(check_cluster(options, status));
  HighMark mark = TRY(HighMark::open(mark_path(options.path), status.cluster));
  TRY_VOID(check_mark(mark, status, options.path));
  TRY_VOID(check_contents(*database, status));
  Values values = TRY(read_values(*database, status));
  TRY_VOID(mark.write(status.changes));
  return std::unique_ptr<Store>(std::make_unique<SqliteStore>(std::move(database), std::move(mark), std::move(status),
                                                              std::move(values), options.kept_entries));
}

}  // namespace weft::store
