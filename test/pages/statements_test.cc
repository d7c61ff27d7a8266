// docs/vpc.md: numbered statements, each with the version in which it holds.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "test/include_table/module_table.h"

namespace weft::project {
namespace {

struct Statement {
  std::string family;
  int number;
  std::string version;  // "0.1" or "later"
};

std::vector<Statement> statements() {
  static const std::regex line(R"(^\*\*([A-Z]+)-(\d+)\*\* \((0\.1|later)\) \S)", std::regex::multiline);
  const std::string page = read_text(source_folder() / "docs/vpc.md");
  std::vector<Statement> all;
  for (std::sregex_iterator it(page.begin(), page.end(), line), end; it != end; ++it) {
    all.push_back({(*it)[1], std::stoi((*it)[2]), (*it)[3]});
  }
  return all;
}

TEST(VpcContract, IsNumberedWithoutGaps) {
  std::map<std::string, int> last;
  for (const Statement& each : statements()) EXPECT_EQ(each.number, ++last[each.family]) << each.family;
  EXPECT_GE(last.size(), 8u);
}

TEST(VpcContract, EveryParagraphIsAStatement) {
  const std::string page = read_text(source_folder() / "docs/vpc.md");
  static const std::regex bold(R"(\*\*[A-Z]+-\d+\*\*)");
  const auto marked = std::distance(std::sregex_iterator(page.begin(), page.end(), bold), std::sregex_iterator());
  EXPECT_EQ(static_cast<size_t>(marked), statements().size()) << "a statement lacks its version, or its place";
}

// "Suite.Name" of each test in the sources.
std::set<std::string> tests() {
  namespace fs = std::filesystem;
  static const std::regex macro(R"(^\s*(?:RC_GTEST_(?:FIXTURE_)?PROP|TEST(?:_F|_P)?)\((\w+),\s*(\w+))",
                                std::regex::multiline);
  std::set<std::string> all;
  for (const char* folder : {"src", "test"}) {
    for (const auto& entry : fs::recursive_directory_iterator(source_folder() / folder)) {
      if (!entry.path().filename().string().ends_with("_test.cc")) continue;
      const std::string text = read_text(entry.path());
      for (std::sregex_iterator it(text.begin(), text.end(), macro), end; it != end; ++it) {
        all.insert((*it)[1].str() + "." + (*it)[2].str());
      }
    }
  }
  return all;
}

// The rows of statements.txt: the tests of each id.
std::map<std::string, std::vector<std::string>> rows() {
  std::istringstream in(read_text(source_folder() / "test/pages/statements.txt"));
  std::map<std::string, std::vector<std::string>> all;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string id;
    words >> id;
    for (std::string word; words >> word;) all[id].push_back(word);
  }
  return all;
}

TEST(VpcContract, EveryStatementHasATest) {
  const auto known = tests();
  const auto listed = rows();
  for (const Statement& each : statements()) {
    if (each.version != "0.1") continue;
    const std::string id = each.family + "-" + std::to_string(each.number);
    const std::string prefix = "." + each.family + "_" + std::to_string(each.number) + "_";
    const bool named = std::any_of(known.begin(), known.end(),
                                   [&](const std::string& test) { return test.find(prefix) != std::string::npos; });
    EXPECT_TRUE(named || listed.contains(id)) << id << " has no test: add one, or a row to test/pages/statements.txt";
  }
}

TEST(VpcContract, TheTestsExist) {
  const auto known = tests();
  std::set<std::string> ids;
  for (const Statement& each : statements()) ids.insert(each.family + "-" + std::to_string(each.number));
  for (const auto& [id, names] : rows()) {
    EXPECT_TRUE(ids.contains(id)) << id;
    EXPECT_FALSE(names.empty()) << id;
    for (const std::string& name : names) EXPECT_TRUE(known.contains(name)) << id << ": there is no test " << name;
  }
}

}  // namespace
}  // namespace weft::project
