// What lies in the database file: the schema, the one row that says how it all
// stands, and the rows of entries and snapshots. Each row carries a checksum
// over its contents and the cluster, so a row of another store or another place
// is as damaged as one with a flipped bit; the status row says which rows there
// must be, so a missing one is noticed too.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "store/sqlite.h"
#include "store/store.h"

namespace weft::store {

constexpr uint64_t kApplicationId = 0x57656674;  // "Weft", in the file's header (`file` shows it)
constexpr uint64_t kSchemaVersion = 1;

using Values = std::map<std::string, std::string, std::less<>>;

struct Status {
  std::string cluster;
  Revision oldest = 1;
  Revision head = 0;
  Revision snapshot = 0;        // 0: none yet
  uint64_t changes = 0;         // committed transactions; what the high mark counts
  std::string values_checksum;  // over all named values
};

std::string checksum_of(const Values& values);

// Makes the tables in an empty database.
Result<> write_layout(sqlite::Database& database, const Status& status);
// Refuses what is no database of ours, or one of another version.
Result<> check_layout(sqlite::Database& database);

Result<Status> read_status(const sqlite::Database& database);
Result<> write_status(sqlite::Database& database, const Status& status);

Result<> write_entry(sqlite::Statement& insert, const Entry& entry, std::string_view cluster);
Result<> write_snapshot(sqlite::Database& database, const Snapshot& snapshot, std::string_view cluster);

// Gives the entries from `from` on, in order, until `take` returns Reading::Stop or the log ends.
enum class Reading { Go, Stop };
Result<> read_entries(const sqlite::Database& database, const Status& status, Revision from,
                      const std::function<Reading(Entry)>& take);
Result<std::optional<Snapshot>> read_snapshot(const sqlite::Database& database, const Status& status);
Result<Values> read_values(const sqlite::Database& database, const Status& status);

}  // namespace weft::store
