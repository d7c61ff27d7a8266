#include "store/layout.h"

#include "store/checksum.h"
#include "store/disk_error.h"

namespace weft::store {
namespace {

using base::Code;
using base::error;
using sqlite::Database;
using sqlite::Statement;

// SQLite keeps these texts as they are, and check_layout() compares them.
constexpr std::string_view kTables =
    "CREATE TABLE status(id INTEGER PRIMARY KEY, cluster BLOB NOT NULL, oldest INTEGER NOT NULL, head INTEGER NOT NULL,"
    " snapshot INTEGER NOT NULL, changes INTEGER NOT NULL, named BLOB NOT NULL, checksum BLOB NOT NULL) STRICT;"
    "CREATE TABLE entry(revision INTEGER PRIMARY KEY, bytes BLOB NOT NULL, checksum BLOB NOT NULL) STRICT;"
    "CREATE TABLE snapshot(revision INTEGER PRIMARY KEY, bytes BLOB NOT NULL, checksum BLOB NOT NULL) STRICT;"
    "CREATE TABLE named(name BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID";

std::string checksum_of(const Status& status) {
  return checksum({"status", status.cluster, std::to_string(status.oldest), std::to_string(status.head),
                   std::to_string(status.snapshot), std::to_string(status.changes), status.values_checksum});
}

std::string row_checksum(std::string_view table, std::string_view cluster, Revision revision, std::string_view bytes) {
  return checksum({table, cluster, std::to_string(revision), bytes});
}

// A row (revision, bytes, checksum) that must be the given revision's.
Result<std::string> checked_bytes(const Statement& row, std::string_view table, std::string_view cluster,
                                  Revision revision) {
  if (row.number(0) != revision) return error(Code::Failed, "{} {} is missing", table, revision);
  std::string bytes(row.bytes(1));
  if (row.bytes(2) != row_checksum(table, cluster, revision, bytes)) {
    return error(Code::Failed, "{} {} has a wrong checksum", table, revision);
  }
  return bytes;
}

Error damaged_by(const Database& database, const Error& cause) { return damaged(database.path(), cause.what); }

}  // namespace

std::string checksum_of(const Values& values) {
  std::string all;
  for (const auto& [name, value] : values) all += checksum({name, value});
  return checksum({"named", all});
}

Result<> write_layout(Database& database, const Status& status) {
  TRY_VOID(database.run(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}; PRAGMA journal_mode = WAL;",
                                    kApplicationId, kSchemaVersion)
                            .c_str()));
  sqlite::Transaction transaction = TRY(sqlite::Transaction::begin(database));
  TRY_VOID(database.run(std::string(kTables).c_str()));
  TRY_VOID(write_status(database, status));
  return transaction.commit();
}

Result<> check_layout(Database& database) {
  if (TRY(database.number("PRAGMA application_id")) != kApplicationId) {
    return error(Code::Failed, "{}: a database, but not one of Weft's", database.path());
  }
  if (const uint64_t version = TRY(database.number("PRAGMA user_version")); version != kSchemaVersion) {
    return error(Code::Failed, "{}: its layout is version {}, this program knows version {}: use the one that wrote it",
                 database.path(), version, kSchemaVersion);
  }
  if (TRY(database.text("PRAGMA journal_mode")) != "wal") return damaged(database.path(), "not in WAL mode");
  if (TRY(database.text("SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY rowid)")) !=
      kTables) {
    return damaged(database.path(), "the tables are not as they were made");
  }
  if (const std::string verdict = TRY(database.text("PRAGMA quick_check(1)")); verdict != "ok") {
    return damaged(database.path(), verdict);
  }
  return {};
}

Result<Status> read_status(const Database& database) {
  Statement row = TRY(database.prepare("SELECT cluster, oldest, head, snapshot, changes, named, checksum FROM status"));
  if (!TRY(row.step())) return damaged(database.path(), "the status row is missing");
  Status status{.cluster = std::string(row.bytes(0)),
                .oldest = row.number(1),
                .head = row.number(2),
                .snapshot = row.number(3),
                .changes = row.number(4),
                .values_checksum = std::string(row.bytes(5))};
  if (row.bytes(6) != checksum_of(status)) return damaged(database.path(), "the status row has a wrong checksum");
  if (TRY(row.step())) return damaged(database.path(), "there are two status rows");
  return status;
}

Result<> write_status(Database& database, const Status& status) {
  const std::string sum = checksum_of(status);
  Statement insert = TRY(database.prepare("REPLACE INTO status VALUES (1, ?, ?, ?, ?, ?, ?, ?)"));
  insert.bind(1, status.cluster).bind(2, status.oldest).bind(3, status.head).bind(4, status.snapshot);
  insert.bind(5, status.changes).bind(6, status.values_checksum).bind(7, sum);
  return insert.run();
}

Result<> write_entry(Statement& insert, const Entry& entry, std::string_view cluster) {
  const std::string sum = row_checksum("entry", cluster, entry.revision, entry.bytes);
  return insert.bind(1, entry.revision).bind(2, entry.bytes).bind(3, sum).run();
}

Result<> write_snapshot(Database& database, const Snapshot& snapshot, std::string_view cluster) {
  const std::string sum = row_checksum("snapshot", cluster, snapshot.revision, snapshot.bytes);
  TRY_VOID(database.run("DELETE FROM snapshot"));
  Statement insert = TRY(database.prepare("INSERT INTO snapshot VALUES (?, ?, ?)"));
  return insert.bind(1, snapshot.revision).bind(2, snapshot.bytes).bind(3, sum).run();
}

Result<> read_entries(const Database& database, const Status& status, Revision from,
                      const std::function<Reading(Entry)>& take) {
  Statement row =
      TRY(database.prepare("SELECT revision, bytes, checksum FROM entry WHERE revision >= ? ORDER BY revision"));
  row.bind(1, from);
  Revision next = from;
  for (; TRY(row.step()); ++next) {
    if (next > status.head) return damaged(database.path(), "there are entries after the head");
    auto bytes = checked_bytes(row, "entry", status.cluster, next);
    if (!bytes.ok()) return damaged_by(database, bytes.error());
    if (take({.revision = next, .bytes = *std::move(bytes)}) == Reading::Stop) return {};
  }
  if (next <= status.head) return damaged(database.path(), "the newest entries are missing");
  return {};
}

Result<std::optional<Snapshot>> read_snapshot(const Database& database, const Status& status) {
  Statement row = TRY(database.prepare("SELECT revision, bytes, checksum FROM snapshot"));
  const bool found = TRY(row.step());
  if (found != (status.snapshot != 0)) return damaged(database.path(), "the snapshot is not as the status row has it");
  if (!found) return std::optional<Snapshot>();
  auto bytes = checked_bytes(row, "snapshot", status.cluster, status.snapshot);
  if (!bytes.ok()) return damaged_by(database, bytes.error());
  if (TRY(row.step())) return damaged(database.path(), "there are two snapshots");
  return std::optional<Snapshot>({.revision = status.snapshot, .bytes = *std::move(bytes)});
}

Result<Values> read_values(const Database& database, const Status& status) {
  Statement row = TRY(database.prepare("SELECT name, value FROM named"));
  Values values;
  while (TRY(row.step())) values.emplace(row.bytes(0), row.bytes(1));
  if (checksum_of(values) != status.values_checksum)
    return damaged(database.path(), "the named values are not all right");
  return values;
}

}  // namespace weft::store
