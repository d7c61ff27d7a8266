#include "cli/visible.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/table.h"

namespace weft::cli {
namespace {

TEST(Visible, ControlsAreSpelledOut) {
  EXPECT_EQ(visible("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(visible("one\ntwo\tthree\r"), "one\\ntwo\\tthree\\r");
  EXPECT_EQ(visible("\x7f"), "\\x7f");
  EXPECT_EQ(visible("\xc2\x9b"), "\\x9b");  // CSI as C1
  EXPECT_EQ(visible("x\xe2\x80\xae"
                    "y"),
            "x\\u202ey");  // right-to-left override
}

TEST(Visible, TextStaysAsItIs) {
  EXPECT_EQ(visible("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(visible("10.0.0.0/16 \xe2\x82\xac"), "10.0.0.0/16 \xe2\x82\xac");
}

TEST(Visible, BytesThatAreNoUtf8AreSpelledOut) {
  for (const char* broken : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\x80"}) {
    EXPECT_FALSE(is_utf8(broken));
    EXPECT_EQ(visible(broken).find_first_not_of("\\x0123456789abcdef"), std::string::npos) << visible(broken);
  }
  EXPECT_TRUE(is_utf8("\xf0\x9f\xa6\x86 duck"));
}

TEST(Visible, CutsAtWholeCharacters) {
  EXPECT_EQ(cut("gr\xc3\xbc\xc3\x9f"
                "e",
                5),
            "gr\xc3\xbc\xc3\x9f"
            "e");
  EXPECT_EQ(cut("abcdefgh", 6), "abc...");
  EXPECT_EQ(cut("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", 4), "\xc3\xbc...");
  EXPECT_EQ(cut("abcdefgh", 2), "..");
}

TEST(JsonText, EscapesWhatCouldControlATerminal) {
  const nlohmann::ordered_json json = {{"name", "a\x1b\x7f\xc2\x9b\xe2\x80\xae"}, {"broken", "\xff"}};
  const std::string text = to_json_text(json, Layout::Line);
  EXPECT_EQ(text, "{\"name\":\"a\\u001b\\u007f\\u009b\\u202e\",\"broken\":\"\xef\xbf\xbd\"}");
  EXPECT_EQ(nlohmann::ordered_json::parse(text)["name"], json["name"]);
}

TEST(Table, AlignsAndCutsTheWidest) {
  const Table table{.titles = {"NAME", "WHAT"}, .rows = {{"a", "a very long description of it"}, {"bcd", "-"}}};
  EXPECT_EQ(to_text(table, {}), "NAME  WHAT\na     a very long description of it\nbcd   -\n");
  EXPECT_EQ(to_text(table, {.width = 20}), "NAME  WHAT\na     a very long...\nbcd   -\n");
}

TEST(Table, ColoursStatesOnlyWhenAsked) {
  const Table table{.titles = {}, .rows = {{"running 5m", "x"}}};
  EXPECT_EQ(to_text(table, {}), "running 5m  x\n");
  EXPECT_EQ(to_text(table, {.width = 0, .colour = Colour::On}), "\x1b[32mrunning 5m\x1b[0m  x\n");
}

TEST(Table, ShowsControlsOfACell) {
  EXPECT_EQ(to_text({.titles = {}, .rows = {{"a\nb\x1b[2J"}}}, {}), "a\\nb\\x1b[2J\n");
}

}  // namespace
}  // namespace weft::cli
