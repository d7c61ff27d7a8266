// A damaged store either gives the right bytes or an Error; never wrong ones.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>

#include "base/rng.h"
#include "store/files.h"
#include "store/store.h"
#include "store/testing.h"

namespace weft::store {
namespace {

using base::Code;
using testing::contents;
using testing::Folder;
using ::testing::HasSubstr;
using testing::replace_contents;

// The files of a store as they lie on the disk at one moment.
struct Image {
  std::string database, wal, mark;
};

Image image_of(const std::string& path) {
  return {contents(path), contents(wal_path(path)), contents(mark_path(path))};
}

void lay_out(const Image& image, const std::string& path) {
  replace_contents(path, image.database);
  replace_contents(wal_path(path), image.wal);
  replace_contents(mark_path(path), image.mark);
}

constexpr Revision kHead = 60;

class DamageTest : public ::testing::Test {
 protected:
  Options options() const { return {.path = folder_.path("store.db"), .cluster = "c", .kept_entries = 10}; }

  // The same history in both: in the first image much of it is in the database, in the second all is in the log.
  void SetUp() override {
    auto store = create_sqlite(options());
    ASSERT_TRUE(store.ok()) << store.error().what;
    ASSERT_TRUE((*store)->put("name", "value").ok());
    for (Revision head = 0; head < kHead; head += testing::kBatch) {
      ASSERT_TRUE((*store)->append(testing::batch_after(head)).ok());
      if (head == 30) {
        ASSERT_TRUE((*store)->snapshot(testing::snapshot_at(head)).ok());
      }
    }
    in_log_ = image_of(options().path);
    store = Error{};
    closed_ = image_of(options().path);
    ASSERT_GT(in_log_.wal.size(), in_log_.database.size());
    ASSERT_TRUE(closed_.wal.empty());
  }

  // What opening gives: "right", or the error's text. Anything else fails the test.
  std::string outcome(const Image& image) {
    lay_out(image, options().path);
    const auto store = open_sqlite(options());
    if (!store.ok()) {
      EXPECT_EQ(store.error().code, Code::Failed) << store.error().what;
      EXPECT_THAT(store.error().what, HasSubstr(options().path));
      return store.error().what;
    }
    EXPECT_EQ((*store)->head(), kHead);
    EXPECT_EQ((*store)->get("name"), "value");
    EXPECT_EQ(testing::fault_in(**store), "");
    EXPECT_TRUE((*store)->append(testing::batch_after(kHead)).ok());
    EXPECT_EQ(testing::fault_in(**store), "");
    return "right";
  }

  Folder folder_;
  Image in_log_, closed_;
};

TEST_F(DamageTest, AnIntactImageIsRight) {
  EXPECT_EQ(outcome(in_log_), "right");
  EXPECT_EQ(outcome(closed_), "right");
}

TEST_F(DamageTest, FlippedBytes) {
  base::Rng rng(20261120);
  int refused = 0;
  constexpr int kRounds = 600;
  for (int round = 0; round < kRounds; ++round) {
    Image image = rng.one_in(2) ? in_log_ : closed_;
    std::vector<std::string*> files = {&image.database, &image.mark};
    if (!image.wal.empty()) files.push_back(&image.wal);
    std::string& file = *files[rng.below(files.size())];
    const size_t at = rng.below(file.size());
    for (size_t i = 0; i <= rng.below(4) && at + i < file.size(); ++i) {
      file[at + i] = static_cast<char>(file[at + i] ^ static_cast<char>(1 + rng.below(255)));
    }
    refused += outcome(image) != "right";
    ASSERT_FALSE(HasFailure()) << "round " << round << ", byte " << at << " of " << file.size();
  }
  EXPECT_GT(refused, kRounds / 2);  // most bytes matter
}

// The beginning of each page says how the rest of it is to be read: the part where a flip does the oddest things.
TEST_F(DamageTest, FlippedBytesInHeaders) {
  base::Rng rng(7);
  for (int round = 0; round < 600; ++round) {
    Image image = closed_;
    const size_t page = rng.below(image.database.size() / 4096);
    const size_t at = page * 4096 + rng.below(page == 0 ? 140 : 40);
    image.database[at] = static_cast<char>(rng.next());
    outcome(image);
    ASSERT_FALSE(HasFailure()) << "round " << round << ", byte " << at;
  }
}

TEST_F(DamageTest, TruncatedFiles) {
  base::Rng rng(3);
  for (int round = 0; round < 150; ++round) {
    Image image = rng.one_in(2) ? in_log_ : closed_;
    const bool log = !image.wal.empty() && !rng.one_in(3);
    std::string& file = log ? image.wal : image.database;
    file.resize(rng.below(file.size()));
    const std::string result = outcome(image);
    // A whole log makes up for what the database lacks.
    if (log || image.wal.empty()) {
      EXPECT_NE(result, "right");
    }
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

TEST_F(DamageTest, PagesOfZerosAndSwappedPages) {
  const size_t pages = closed_.database.size() / 4096;
  for (size_t page = 0; page < pages; ++page) {
    Image zeros = closed_;
    zeros.database.replace(page * 4096, 4096, 4096, '\0');
    outcome(zeros);
    Image swapped = closed_;
    const size_t other = (page + 1) % pages;
    swapped.database.replace(page * 4096, 4096, closed_.database, other * 4096, 4096);
    swapped.database.replace(other * 4096, 4096, closed_.database, page * 4096, 4096);
    outcome(swapped);
    ASSERT_FALSE(HasFailure()) << page;
  }
}

TEST_F(DamageTest, ALostLogIsNoticed) {
  Image image = in_log_;
  image.wal.clear();
  EXPECT_THAT(outcome(image), HasSubstr("that were committed"));
  image = in_log_;
  image.wal[image.wal.size() - 1] ^= 1;  // SQLite takes the last transaction for one that was never finished
  EXPECT_THAT(outcome(image), HasSubstr("that were committed"));
  image = in_log_;
  image.wal[3] ^= 1;  // SQLite takes the whole log for none
  EXPECT_THAT(outcome(image), HasSubstr("that were committed"));
}

TEST_F(DamageTest, AMissingMarkIsMadeAnew) {
  lay_out(in_log_, options().path);
  ASSERT_TRUE(std::filesystem::remove(mark_path(options().path)));
  EXPECT_TRUE(open_sqlite(options()).ok());
  EXPECT_EQ(contents(mark_path(options().path)), in_log_.mark);
}

TEST_F(DamageTest, ADamagedMarkIsRefusedByName) {
  Image image = closed_;
  image.mark[20] = 'x';
  EXPECT_THAT(outcome(image), HasSubstr("store.db-head is damaged"));
  image.mark = closed_.mark + "x";
  EXPECT_THAT(outcome(image), HasSubstr("store.db-head is damaged"));
}

class OpenTest : public ::testing::Test {
 protected:
  Error refusal() {
    auto store = open_sqlite({.path = path_});
    EXPECT_FALSE(store.ok());
    return store.ok() ? Error{} : std::move(store).error();
  }
  Folder folder_;
  std::string path_ = folder_.path("store.db");
};

TEST_F(OpenTest, NothingThere) {
  EXPECT_EQ(refusal().code, Code::NotFound);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(open_sqlite({.path = "store.db"}).error().code, Code::Usage);
  EXPECT_EQ(open_sqlite({.path = ""}).error().code, Code::Usage);
}

TEST_F(OpenTest, NoFolder) {
  const auto refused = create_sqlite({.path = folder_.path("no/store.db"), .cluster = "c"});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::Failed);
  EXPECT_THAT(refused.error().what, HasSubstr("/no/: No such file or directory"));
}

TEST_F(OpenTest, RemainsOfALostStore) {
  for (const std::string& remains : {wal_path(path_), mark_path(path_)}) {
    replace_contents(remains, "x");
    EXPECT_EQ(refusal().code, Code::Failed);
    const auto made = create_sqlite({.path = path_, .cluster = "c"});
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, Code::Failed);
    EXPECT_THAT(made.error().what, HasSubstr(remains));
    std::filesystem::remove(remains);
  }
  EXPECT_TRUE(create_sqlite({.path = path_, .cluster = "c"}).ok());
}

TEST_F(OpenTest, RemainsOfAnInterruptedCreation) {
  replace_contents(unfinished_path(path_), "half");
  replace_contents(unfinished_path(path_) + "-wal", "half");
  EXPECT_EQ(refusal().code, Code::NotFound);
  EXPECT_TRUE(create_sqlite({.path = path_, .cluster = "c"}).ok());
  EXPECT_FALSE(std::filesystem::exists(unfinished_path(path_)));
}

TEST_F(OpenTest, NotAStore) {
  replace_contents(path_, "");
  EXPECT_THAT(refusal().what, HasSubstr("it is empty"));
  replace_contents(path_, std::string(10'000, 'x'));
  EXPECT_THAT(refusal().what, HasSubstr("not a database"));
  EXPECT_EQ(contents(path_), std::string(10'000, 'x'));
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_THAT(refusal().what, HasSubstr("not a file"));
}

void run_sql(const std::string& path, const char* sql) {
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(connection);
  ASSERT_EQ(sqlite3_close(connection), SQLITE_OK);
}

TEST_F(OpenTest, AnotherProgramsDatabase) {
  run_sql(path_, "CREATE TABLE t(x)");
  EXPECT_THAT(refusal().what, HasSubstr("not one of Weft's"));
}

TEST_F(OpenTest, AnotherVersionsDatabase) {
  ASSERT_TRUE(create_sqlite({.path = path_, .cluster = "c"}).ok());
  run_sql(path_, "PRAGMA user_version = 2");
  EXPECT_EQ(refusal().code, Code::Failed);
  EXPECT_THAT(refusal().what, HasSubstr("version 2, this program knows version 1"));
}

TEST_F(OpenTest, EditedByHand) {
  for (const char* edit : {
           "UPDATE entry SET bytes = x'00' WHERE revision = 2",
           "DELETE FROM entry WHERE revision = 2",
           "DELETE FROM entry WHERE revision = 3",
           "DELETE FROM entry WHERE revision = 1",
           "INSERT INTO entry SELECT 4, bytes, checksum FROM entry WHERE revision = 3",
           "INSERT INTO entry SELECT 0, bytes, checksum FROM entry WHERE revision = 3",
           "DELETE FROM snapshot",
           "UPDATE snapshot SET bytes = x'00'",
           "UPDATE snapshot SET revision = 2",
           "INSERT INTO snapshot SELECT 4, bytes, checksum FROM snapshot",
           "DELETE FROM named",
           "UPDATE named SET value = x'00'",
           "INSERT INTO named VALUES (x'41', x'42')",
           "DELETE FROM status",
           "UPDATE status SET head = 2",
           "UPDATE status SET cluster = x'41'",
           "INSERT INTO status SELECT 2, cluster, oldest, head, snapshot, changes, named, checksum FROM status",
           "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM snapshot; END",
           "CREATE VIEW v AS SELECT * FROM entry",
           "PRAGMA journal_mode = DELETE",
       }) {
    const Folder folder;
    path_ = folder.path("store.db");
    {
      auto store = create_sqlite({.path = path_, .cluster = "c"});
      ASSERT_TRUE(store.ok());
      ASSERT_TRUE((*store)->append(testing::batch_after(0)).ok());
      ASSERT_TRUE((*store)->snapshot(testing::snapshot_at(3)).ok());
      ASSERT_TRUE((*store)->put("a", "b").ok());
    }
    run_sql(path_, edit);
    EXPECT_THAT(refusal().what, HasSubstr("damaged")) << edit;
  }
}

}  // namespace
}  // namespace weft::store
