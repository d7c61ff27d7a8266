#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "test/include_table/module_table.h"

namespace weft::project {
namespace {

namespace fs = std::filesystem;
using Form = Include::Form;

ModuleTable project_table() {
  auto table = ModuleTable::parse(read_text(source_folder() / "src/modules.txt"));
  EXPECT_TRUE(table.ok()) << table.error().what;
  return std::move(table).value();
}

fs::path folder_of(const std::string& module) {
  return module == "proto" ? source_folder() / "proto" : source_folder() / "src" / module;
}

bool is_source(const fs::path& path) {
  return path.extension() == ".cc" || path.extension() == ".h" || path.extension() == ".c";
}

TEST(IncludeTable, EveryIncludeIsAllowed) {
  const ModuleTable table = project_table();
  for (const Module& module : table.modules) {
    ASSERT_TRUE(fs::is_directory(folder_of(module.name))) << module.name;
    for (const auto& entry : fs::recursive_directory_iterator(folder_of(module.name))) {
      if (!is_source(entry.path())) continue;
      for (const Include& include : includes_in(read_text(entry.path()))) {
        EXPECT_EQ(objection(table, module.name, include), "") << entry.path();
      }
    }
  }
}

TEST(IncludeTable, EveryFolderIsAModule) {
  const ModuleTable table = project_table();
  for (const auto& entry : fs::directory_iterator(source_folder() / "src")) {
    if (!entry.is_directory() || fs::is_empty(entry.path())) continue;
    EXPECT_NE(table.find(entry.path().filename().string()), nullptr) << entry.path();
  }
}

// A target's USES may say less than the table, never more.
TEST(IncludeTable, TargetsUseNoMore) {
  const ModuleTable table = project_table();
  static const std::regex call(R"(weft_module\(\s*(\w+)\s+USES([\w\s]*?)(?:LINKS|\)))");
  for (const Module& module : table.modules) {
    const fs::path lists = folder_of(module.name) / "CMakeLists.txt";
    if (!fs::exists(lists)) continue;
    const std::string text = read_text(lists);
    std::smatch match;
    if (!std::regex_search(text, match, call)) continue;
    EXPECT_EQ(match[1], module.name);
    std::istringstream uses(match[2]);
    for (std::string use; uses >> use;) EXPECT_TRUE(module.uses.contains(use)) << module.name << " USES " << use;
  }
}

constexpr const char* kSmall =
    "# a comment\n"
    "base: | the base\n"
    "net: base | addresses\n"
    "store: base | the log\n"
    "<sqlite3.h: store\n";

TEST(IncludeTable, ObjectsToWhatIsNotInIt) {
  const auto table = ModuleTable::parse(kSmall);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(objection(*table, "net", {"base/result.h", Form::Quoted}), "");
  EXPECT_EQ(objection(*table, "net", {"net/address.h", Form::Quoted}), "");
  EXPECT_EQ(objection(*table, "net", {"vector", Form::Angled}), "");
  EXPECT_EQ(objection(*table, "store", {"sqlite3.h", Form::Angled}), "");
  EXPECT_THAT(objection(*table, "base", {"net/address.h", Form::Quoted}), testing::HasSubstr("may not include net"));
  EXPECT_THAT(objection(*table, "net", {"sqlite3.h", Form::Angled}), testing::HasSubstr("belongs to store"));
  EXPECT_THAT(objection(*table, "net", {"address.h", Form::Quoted}), testing::HasSubstr("in no module"));
}

TEST(IncludeTable, RefusesAMuddledTable) {
  for (const char* text :
       {"base\n", "base: \n", "net: base | x\nbase: | x\n", "base: | x\nbase: | x\n", "<a: base\n"}) {
    EXPECT_FALSE(ModuleTable::parse(text).ok()) << text;
  }
}

TEST(IncludeTable, FindsIncludes) {
  const auto found = includes_in("#include \"a/b.h\"\n  #  include <c>\n// #include \"d/e.h\"\nint include;\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].target, "a/b.h");
  EXPECT_EQ(found[1].target, "c");
  EXPECT_EQ(found[1].form, Form::Angled);
}

}  // namespace
}  // namespace weft::project
