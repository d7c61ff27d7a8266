#include "store/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "store/disk_error.h"

namespace weft::store::sqlite {
namespace {

using base::Code;
using base::error;

// The order matters: the lock must be exclusive before the first access, so that the index of the write-ahead log is
// kept in memory and no "-shm" file is needed.
constexpr const char* kPragmas =
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA mmap_size = 0;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA journal_size_limit = 8388608;";  // what a large snapshot left of the write-ahead log is given back

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::bind(int parameter, uint64_t number) {
  CHECK(number <= INT64_MAX);
  CHECK(sqlite3_bind_int64(statement_.get(), parameter, static_cast<sqlite3_int64>(number)) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view bytes) {
  const char* start = bytes.empty() ? "" : bytes.data();  // a null pointer would bind NULL
  CHECK(sqlite3_bind_blob64(statement_.get(), parameter, start, bytes.size(), SQLITE_STATIC) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_text(int parameter, std::string_view text) {
  const char* start = text.empty() ? "" : text.data();
  CHECK(sqlite3_bind_text64(statement_.get(), parameter, start, text.size(), SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error failure = database_->failure(code);
  reset();
  return failure;
}

Result<> Statement::run() {
  CHECK(!TRY(step()));
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());  // repeats the error that step() has reported
  sqlite3_clear_bindings(statement_.get());
}

uint64_t Statement::number(int column) const {
  return static_cast<uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

std::string_view Statement::bytes(int column) const {
  const void* start = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (start == nullptr) return {};
  return {static_cast<const char*>(start), static_cast<size_t>(size)};
}

void Database::Close::operator()(sqlite3* connection) const {
  // Moves the write-ahead log into the database where it can; where it can't, the log stays and the next open reads it.
  CHECK(sqlite3_close(connection) == SQLITE_OK);
}

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(std::string path) {
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (connection == nullptr) return error(Code::Failed, "{}: out of memory", path);
  std::unique_ptr<Database> database(new Database(std::move(path), connection));
  sqlite3_extended_result_codes(connection, 1);
  if (code != SQLITE_OK) return database->failure(code);
  if (sqlite3_db_readonly(connection, "main") != 0) return disk_read_only(database->path_);
  CHECK(sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr) == SQLITE_OK);
  TRY_VOID(database->run(kPragmas));
  return database;
}

Result<> Database::run(const char* sql) {
  const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return Statement(*this, statement);
}

Result<uint64_t> Database::number(std::string_view sql) const {
  Statement statement = TRY(prepare(sql));
  if (!TRY(statement.step())) return damaged(path_, "a value is missing");
  return statement.number(0);
}

Result<std::string> Database::text(std::string_view sql) const {
  Statement statement = TRY(prepare(sql));
  if (!TRY(statement.step())) return damaged(path_, "a value is missing");
  return std::string(statement.bytes(0));
}

Error Database::failure(int code) const {
  switch (code & 0xff) {
    case SQLITE_FULL: return disk_full(path_);
    case SQLITE_READONLY: return disk_read_only(path_);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return error(Code::Conflict, "{}: another process has it open (fuser names it)", path_);
    case SQLITE_NOTADB: return error(Code::Failed, "{}: not a database, or its beginning is damaged", path_);
    case SQLITE_IOERR: return io_failure(code);
    case SQLITE_CANTOPEN: return disk_error(path_, sqlite3_system_errno(connection_.get()));
    case SQLITE_NOMEM: return error(Code::Failed, "{}: out of memory", path_);
    default: return damaged(path_, sqlite3_errmsg(connection_.get()));
  }
}

Error Database::io_failure(int extended_code) const {
  const int saved_errno = sqlite3_system_errno(connection_.get());
  switch (extended_code) {
    case SQLITE_IOERR_SHORT_READ: return damaged(path_, "it ends too early");
    case SQLITE_IOERR_READ: return disk_error(path_, saved_errno);
    case SQLITE_IOERR_WRITE:
      if (saved_errno == ENOSPC || saved_errno == EDQUOT || saved_errno == EROFS) return disk_error(path_, saved_errno);
      break;
    default: break;
  }
  // After a failed flush the kernel may drop what it could not write and call it clean: nothing that this process reads
  // back says what the disk holds.
  doubtful_ = true;
  return error(Code::Unavailable, "{}: {} (errno {}): it is open what the disk holds; check it, then start again",
               path_, sqlite3_errstr(extended_code), saved_errno);
}

Result<Transaction> Transaction::begin(Database& database) {
  TRY_VOID(database.run("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some failures; then there is nothing to undo and this says so.
  if (database_ != nullptr) (void)database_->run("ROLLBACK");
}

Result<> Transaction::commit() {
  TRY_VOID(database_->run("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace weft::store::sqlite
