// The store keeps the agreed state of a cluster on disk: a log of entries, each
// under its revision (1, 2, 3, ...), one snapshot that stands for everything up
// to its revision, and a small table of named values. All contents are opaque
// bytes. What append(), snapshot() and put() have reported as done survives
// kill -9 and loss of power; what they have not is there whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weft::store {

using Revision = uint64_t;

struct Entry {
  Revision revision = 0;
  std::string bytes;
  bool operator==(const Entry&) const = default;
};

struct Snapshot {
  Revision revision = 0;
  std::string bytes;
  bool operator==(const Snapshot&) const = default;
};

constexpr size_t kMaxEntryBytes = 4 << 20;       // one command with a bulk of rules; far above what the API takes
constexpr size_t kMaxSnapshotBytes = 256 << 20;  // all state of a cluster; read and written in one piece
constexpr size_t kMaxReadBytes = 16 << 20;       // what one read() holds in memory
constexpr size_t kMaxValues = 64;                // named values are held in memory
constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxValueBytes = 4096;

// Errors, the same for all operations:
//   Unavailable  the disk is full or read-only, or a write failed in a way that leaves open what the disk holds (then
//                every later write is refused too: open the store again, and read what it holds)
//   Failed       the file is damaged, or the disk fails; never repaired here, never guessed around
//   Limit        one of the limits above
// Calls from several threads are put one after the other; a call may wait for the flush of another one.
class Store {
 public:
  virtual ~Store() = default;

  virtual const std::string& cluster() const = 0;

  // The newest entry's revision; 0 while there has been none.
  virtual Revision head() const = 0;
  // The oldest entry that read() still gives; head() + 1 if there is none.
  virtual Revision oldest() const = 0;

  // Adds consecutive entries, all or none. The first must be head() + 1, else Conflict: somebody else was faster.
  virtual Result<> append(std::span<const Entry> entries) = 0;

  // The entries from `from` on, at most `limit` and kMaxReadBytes of them, though always one if there is one; empty
  // above the head. NotFound below oldest(): go by the snapshot.
  virtual Result<std::vector<Entry>> read(Revision from, size_t limit) const = 0;

  // Replaces the snapshot, and drops the entries that it makes dispensable except for the newest
  // Options::kept_entries of them. Conflict if the revision is above the head or below the present snapshot's.
  virtual Result<> snapshot(const Snapshot& snapshot) = 0;
  virtual Result<std::optional<Snapshot>> latest_snapshot() const = 0;

  virtual Result<> put(std::string_view name, std::string_view value) = 0;
  virtual std::optional<std::string> get(std::string_view name) const = 0;
};

struct Options {
  std::string path = {};     // absolute; "-wal", "-head" and "-new" are appended for the files beside it
  std::string cluster = {};  // whose state it is; when opening, empty accepts any
  uint64_t kept_entries = 10'000;
};

// Makes a new store, complete or not at all. Conflict if there is one; Failed if there are remains of a lost one.
Result<std::unique_ptr<Store>> create_sqlite(const Options& options);

// Opens the store and checks all of it: every entry, snapshot and value. NotFound if there is none, Conflict if another
// process has it open or it belongs to another cluster. Nothing is repaired or dropped.
Result<std::unique_ptr<Store>> open_sqlite(const Options& options);

}  // namespace weft::store
