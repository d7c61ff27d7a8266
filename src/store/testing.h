// What the tests of this module share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/check.h"
#include "store/store.h"

namespace weft::store::testing {

// A folder of its own, gone with everything in it at the end.
class Folder {
 public:
  Folder() {
    std::string name = ::testing::TempDir() + "weft-store-XXXXXX";
    CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string path(std::string_view name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void replace_contents(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A history that anybody can check without having seen it made: entries are a function of their revision, and are
// appended in batches of three, so a head that three does not divide is part of a batch.
constexpr size_t kBatch = 3;

inline Entry entry_at(Revision revision) {
  return {revision, fmt::format("{} ", revision) + std::string(revision * 37 % 3001, static_cast<char>(revision))};
}
inline std::vector<Entry> batch_after(Revision head) {
  std::vector<Entry> batch;
  for (size_t i = 1; i <= kBatch; ++i) batch.push_back(entry_at(head + i));
  return batch;
}
inline Snapshot snapshot_at(Revision revision) {
  return {revision, fmt::format("state {} ", revision) + std::string(revision * 311 % 60'013, 's')};
}

// What is wrong with the store's contents as such a history; empty if nothing is.
inline std::string fault_in(const Store& store) {
  if (store.head() % kBatch != 0) return fmt::format("part of a batch: the head is {}", store.head());
  for (Revision next = store.oldest(); next <= store.head();) {
    const auto entries = store.read(next, 1000);
    if (!entries.ok()) return entries.error().what;
    if (entries->empty()) return fmt::format("nothing at {}", next);
    for (const Entry& entry : *entries) {
      if (entry != entry_at(next++)) return fmt::format("wrong bytes at {}", next - 1);
    }
  }
  const auto snapshot = store.latest_snapshot();
  if (!snapshot.ok()) return snapshot.error().what;
  if (*snapshot && **snapshot != snapshot_at((*snapshot)->revision)) return "wrong bytes in the snapshot";
  return "";
}

}  // namespace weft::store::testing
