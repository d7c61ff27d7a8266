// Opens a store with edits to its files, and reads any bytes as a high mark. Whatever opens must hold what was written.
//
//   input = image:u8 { file:u8 offset:u24 value:u8 }    image: even, all in SQLite's log; odd, all in the database
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "store/files.h"
#include "store/high_mark.h"
#include "store/store.h"

namespace {

using namespace weft::store;

struct Image {
  std::string database, wal, mark;
};

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A folder in memory where that exists; gone at the end of a run that ends well.
const std::string& folder() {
  static const std::string path = [] {
    std::string name = std::filesystem::exists("/dev/shm") ? "/dev/shm/weft-fuzz-XXXXXX" : "/tmp/weft-fuzz-XXXXXX";
    CHECK(mkdtemp(name.data()) != nullptr);
    static const std::string kept = name;
    std::atexit([] { std::filesystem::remove_all(kept); });
    return name;
  }();
  return path;
}

Options options() { return {.path = folder() + "/store.db", .cluster = "c"}; }

Image image() {
  const std::string path = options().path;
  return {contents(path), contents(wal_path(path)), contents(mark_path(path))};
}

struct Good {
  Image in_log, closed;
};

const Good& good() {
  static const Good made = [] {
    auto store = *create_sqlite(options());
    for (Revision revision = 1; revision <= 20; ++revision) {
      const Entry entry{revision, std::string(revision * 100, 'e')};
      CHECK(store->append({&entry, 1}).ok());
    }
    CHECK(store->snapshot({10, std::string(10'000, 's')}).ok());
    CHECK(store->put("name", "value").ok());
    Good good;
    good.in_log = image();
    store.reset();
    good.closed = image();
    return good;
  }();
  return made;
}

void edit(Image& image, std::string_view edits) {
  const std::array<std::string*, 3> files = {&image.database, &image.wal, &image.mark};
  const auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<unsigned char>(edits[at])); };
  for (; edits.size() >= 5; edits.remove_prefix(5)) {
    std::string& file = *files[byte(0) % files.size()];
    if (!file.empty()) file[(byte(1) << 16 | byte(2) << 8 | byte(3)) % file.size()] = edits[4];
  }
}

void check(const Store& store) {
  CHECK(store.head() == 20);
  const std::vector<Entry> entries = *store.read(1, 100);
  CHECK(entries.size() == 20);
  for (const Entry& entry : entries) CHECK(entry.bytes == std::string(entry.revision * 100, 'e'));
  CHECK((*store.latest_snapshot())->bytes == std::string(10'000, 's'));
  CHECK(store.get("name") == "value");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  (void)parse_mark(bytes, "c");
  Image edited = data[0] % 2 == 0 ? good().in_log : good().closed;
  edit(edited, bytes);
  const std::string path = options().path;
  write(path, edited.database);
  write(wal_path(path), edited.wal);
  write(mark_path(path), edited.mark);
  const auto store = open_sqlite(options());
  if (store.ok()) check(**store);
  return 0;
}
