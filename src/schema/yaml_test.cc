#include "schema/yaml.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace weft::schema {
namespace {

using base::Code;

TEST(Yaml, ReadsDocuments) {
  const auto documents =
      parse_yaml("kind: vpc\nspec:\n  cidrs: [10.0.0.0/16, \"no\"]\n  off: no\n---\n---\nkind: sg\n");
  ASSERT_TRUE(documents.ok()) << documents.error().what;
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ((*documents)[0].tree, Json::parse(R"({"kind":"vpc","spec":{"cidrs":["10.0.0.0/16","no"],"off":"no"}})"));
  EXPECT_EQ((*documents)[1].tree, Json::parse(R"({"kind":"sg"})"));
  EXPECT_EQ((*documents)[0].line, 1u);
  EXPECT_EQ((*documents)[1].line, 6u);
}

TEST(Yaml, NothingIsNoDocument) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n", "---\n---\n"}) {
    const auto documents = parse_yaml(text);
    ASSERT_TRUE(documents.ok()) << text;
    EXPECT_TRUE(documents->empty()) << text;
  }
}

TEST(Yaml, NullsAreAbsent) {
  const auto documents = parse_yaml("a:\nb: ~\nc: null\nd: \"\"\ne: 'null'\n");
  ASSERT_TRUE(documents.ok());
  EXPECT_EQ(documents->front().tree, Json::parse(R"({"a":null,"b":null,"c":null,"d":"","e":"null"})"));
}

TEST(Yaml, RefusesWithTheLine) {
  struct Case {
    const char* text;
    const char* says;
  };
  const Case cases[] = {
      {"a: &x 1\n", "line 1: an anchor"},
      {"a: 1\nb: *x\n", "line 2"},
      {"a: !!binary xx\n", "line 1: the tag"},
      {"a: 1\na: 2\n", "line 2: the field 'a' stands there twice"},
      {"a: [1\n", "not YAML"},
      {"? [a]\n: b\n", "a field's name is not text"},
      {"? {a: b}\n: b\n", "a field's name"},
      {"a: b: c\n", "not YAML"},
      {"%TAG x\n---\na", "not YAML"},
      {"a: \"\\q\"\n", "not YAML"},
  };
  for (const Case& each : cases) {
    const auto documents = parse_yaml(each.text);
    ASSERT_FALSE(documents.ok()) << each.text;
    EXPECT_NE(documents.error().what.find(each.says), std::string::npos) << each.text << documents.error().what;
    EXPECT_EQ(documents.error().code, Code::Usage);
  }
}

TEST(Yaml, IsBounded) {
  const auto code = [](const std::string& text) {
    const auto documents = parse_yaml(text);
    return documents.ok() ? Code::Failed : documents.error().code;
  };
  EXPECT_EQ(code("a: " + std::string(20, '[') + std::string(20, ']')), Code::Limit);
  EXPECT_NE(parse_yaml(std::string(1'000'000, '[')).ok(), true);
  EXPECT_EQ(code(std::string(kMostYamlBytes + 1, ' ')), Code::Limit);
  std::string many;
  for (size_t i = 0; i <= kMostJsonValues; ++i) many += "- x\n";
  EXPECT_EQ(code(many), Code::Limit);
  std::string documents;
  for (size_t i = 0; i <= kMostYamlDocuments; ++i) documents += "---\nx\n";
  EXPECT_EQ(code(documents), Code::Limit);
}

TEST(Yaml, GarbageIsAnErrorOrATree) {
  base::Rng rng(3);
  const std::string good =
      "kind: vpc\nname: shop\nspec:\n  cidrs: [10.0.0.0/16]\n  list:\n    - a: b\n      c: \"d\"\n---\nx: {y: [z]}\n";
  const std::string marks = "&*!|>%@`\"'{}[],:#?-\n\t ~\x01\xff";
  for (int round = 0; round < 5000; ++round) {
    std::string text = good;
    for (int i = 0; i < 3; ++i) text[rng.below(text.size())] = marks[rng.below(marks.size())];
    (void)parse_yaml(text).ok();
  }
}

}  // namespace
}  // namespace weft::schema
