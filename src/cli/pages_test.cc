// What is made from the table: help, docs/commands.md, the manual pages. With
// WEFT_UPDATE_GOLDEN=1 in the environment the files are written anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/fake_weftd.h"
#include "cli/help.h"
#include "cli/manual.h"
#include "cli/reference.h"
#include "cli/usage.h"

namespace weft::cli {
namespace {

using testing::HasSubstr;

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void expect_golden(const std::string& path, const std::string& text) {
  if (std::getenv("WEFT_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  EXPECT_EQ(text, read_text(path)) << path << ": WEFT_UPDATE_GOLDEN=1 writes it anew";
}

std::string all_help() {
  std::string all = "$ weft --help\n" + help();
  for (const Noun& noun : nouns()) {
    all += "\n$ weft " + std::string(noun.name) + " --help\n" + help_of(noun);
    for (const Command* command : commands_of(&noun)) {
      all += "\n$ weft " + std::string(command->name) + " --help\n" + help_of(*command);
    }
  }
  for (const Command* command : commands_of(nullptr)) {
    all += "\n$ weft " + std::string(command->name) + " --help\n" + help_of(*command);
  }
  return all;
}

TEST(Pages, Help) { expect_golden(WEFT_SOURCE "/src/cli/golden/help.txt", all_help()); }

TEST(Pages, HelpFitsATerminal) {
  std::istringstream lines(all_help());
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 110u) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

TEST(Pages, Reference) { expect_golden(WEFT_SOURCE "/docs/commands.md", reference()); }

TEST(Pages, TheProgramPrintsHelpOfEachLevel) {
  FakeWeftd weftd;
  EXPECT_EQ(run_weft(weftd, {"--help"}).out, help());
  EXPECT_EQ(run_weft(weftd, {}).out, help());
  EXPECT_EQ(run_weft(weftd, {"vpc", "--help"}).out, help_named("vpc"));
  EXPECT_EQ(run_weft(weftd, {"vpc", "create", "--help"}).out, help_named("vpc create"));
  EXPECT_EQ(run_weft(weftd, {"help", "vpc", "create"}).out, help_named("vpc create"));
  EXPECT_EQ(run_weft(weftd, {"help", "nonsense"}).status, 2);
  EXPECT_EQ(run_weft(weftd, {"vpc"}).status, 2);
}

TEST(Manual, APageForEachCommand) {
  size_t listed = 1;
  for (const Command& command : commands()) listed += command.place == Place::Listed ? 1 : 0;
  const auto pages = manual();
  EXPECT_EQ(pages.size(), listed);
  EXPECT_EQ(pages.front().file, "weft.1");
  EXPECT_THAT(pages.front().text, HasSubstr("contexts.json"));
}

// groff finds nothing to complain about, and shows what the page says.
TEST(Manual, GroffReadsThem) {
  if (!std::filesystem::exists("/usr/bin/groff")) GTEST_SKIP() << "no groff";
  FakeWeftd weftd;
  const std::string folder = weftd.folder() / "man";
  std::filesystem::create_directory(folder);
  ASSERT_EQ(run_weft(weftd, {"man", folder}).status, 0);
  for (const Page& page : manual()) {
    const std::string path = folder + "/" + page.file;
    ASSERT_EQ(read_text(path), page.text);
    const std::string line =
        "groff -man -ww -Tutf8 -P-cbou -rLL=200n " + path + " >" + path + ".out 2>" + path + ".err";
    EXPECT_EQ(system(line.c_str()), 0);
    EXPECT_EQ(read_text(path + ".err"), "") << page.file;
    EXPECT_THAT(read_text(path + ".out"), HasSubstr("SYNOPSIS")) << page.file;
  }
  EXPECT_THAT(read_text(folder + "/weft-run.1.out"), HasSubstr("--publish"));
}

TEST(Manual, AFolderThatIsNotThere) {
  FakeWeftd weftd;
  EXPECT_NE(run_weft(weftd, {"man", weftd.folder() / "nowhere"}).status, 0);
}

}  // namespace
}  // namespace weft::cli
