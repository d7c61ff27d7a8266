// The few things that the store wants of SQLite, as values and Results. Only
// sqlite.cc knows the library.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace weft::store::sqlite {

class Database;

// One prepared statement, for one use after another: bind all, step to the end, reset.
class Statement {
 public:
  // Parameters count from 1. Bound bytes must live until reset().
  Statement& bind(int parameter, uint64_t number);
  Statement& bind(int parameter, std::string_view bytes);
  Statement& bind_text(int parameter, std::string_view text);

  Result<bool> step();  // whether there is a row
  Result<> run();       // for statements without rows; resets
  void reset();

  // Columns count from 0; valid until the next step().
  uint64_t number(int column) const;
  std::string_view bytes(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(const Database& database, sqlite3_stmt* statement) : database_(&database), statement_(statement) {}

  const Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// A connection that holds the database alone (no other process may even read), in WAL mode, flushing at each commit.
// Not for several threads at once. Statements must not outlive it.
class Database {
 public:
  // Both need the file to exist: a missing one is never made here. An empty file is an empty database.
  static Result<std::unique_ptr<Database>> open(std::string path);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  Result<> run(const char* sql);
  Result<Statement> prepare(std::string_view sql) const;
  Result<uint64_t> number(std::string_view sql) const;  // the one value of the one row
  Result<std::string> text(std::string_view sql) const;

  // What the last failed call on this connection means; `code` is SQLite's result.
  Error failure(int code) const;
  // Whether a failure since open() leaves open what the disk holds.
  bool doubtful() const { return doubtful_; }
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  Database(std::string path, sqlite3* connection) : path_(std::move(path)), connection_(connection) {}
  Error io_failure(int extended_code) const;

  std::string path_;
  std::unique_ptr<sqlite3, Close> connection_;
  mutable bool doubtful_ = false;
};

// Everything between begin() and commit() happens, or nothing does.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();  // undoes what was not committed

  Result<> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace weft::store::sqlite
