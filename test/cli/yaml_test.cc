// What -o yaml prints reads back as the same value, by yaml-cpp.
#include "cli/yaml.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "base/rng.h"

namespace weft::cli {
namespace {

using Json = nlohmann::ordered_json;

// A quoted scalar is text; a plain one is what YAML's core schema makes of it.
Json value_of(const YAML::Node& node) {
  if (node.IsNull()) return nullptr;
  if (node.IsSequence()) {
    Json list = Json::array();
    for (const auto& inner : node) list.push_back(value_of(inner));
    return list;
  }
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& inner : node) object[inner.first.as<std::string>()] = value_of(inner.second);
    return object;
  }
  const std::string text = node.Scalar();
  if (node.Tag() == "!") return text;
  if (text == "true" || text == "false") return text == "true";
  const Json number = Json::parse(text, nullptr, false);
  return number.is_number() ? number : Json(text);
}

void expect_same(const Json& value) {
  const std::string text = to_yaml(value);
  try {
    EXPECT_EQ(value_of(YAML::Load(text)), value) << text;
  } catch (const YAML::Exception& fault) {
    ADD_FAILURE() << fault.what() << "\n" << text;
  }
}

TEST(Yaml, LooksAsPeopleWriteIt) {
  const Json value = {{"name", "web"},
                      {"ips", {"10.0.0.4", "fd00::4"}},
                      {"limits", {{"memory", 0}}},
                      {"rules", {{{"id", "sgr-1"}, {"until", nullptr}}, {{"id", "sgr-2"}, {"tags", Json::array()}}}},
                      {"running", true}};
  EXPECT_EQ(to_yaml(value),
            "name: web\n"
            "ips:\n"
            "  - \"10.0.0.4\"\n"
            "  - \"fd00::4\"\n"
            "limits:\n"
            "  memory: 0\n"
            "rules:\n"
            "  - id: sgr-1\n"
            "    until: null\n"
            "  - id: sgr-2\n"
            "    tags: []\n"
            "running: true\n");
  expect_same(value);
}

TEST(Yaml, TextsThatLookLikeSomethingElse) {
  for (const char* text : {"",
                           " ",
                           "null",
                           "~",
                           "true",
                           "No",
                           "on",
                           "off",
                           "y",
                           "1",
                           "0x1f",
                           "1e5",
                           ".5",
                           "1:30",
                           "2026-11-20",
                           "-",
                           "- a",
                           "a: b",
                           "a:b",
                           "a #b",
                           "#",
                           "&a",
                           "*a",
                           "!a",
                           "|",
                           ">",
                           "%",
                           "@",
                           "`",
                           "{",
                           "[a]",
                           "\"",
                           "'",
                           "a\nb",
                           "\ttab",
                           "a ",
                           " a",
                           "\x1b[31m",
                           "\xc3\xbc",
                           "\xe2\x80\xa8",
                           "\xf0\x9f\xa6\x86",
                           "---",
                           "...",
                           "<<",
                           "=",
                           "tcp:80",
                           "a,b",
                           "nan",
                           ".inf"}) {
    expect_same(Json(text));
    expect_same(Json{{"key", text}});
    expect_same(Json::array({text, Json::array({text})}));
    if (*text != '\0') expect_same(Json{{text, "value"}});
  }
}

TEST(Yaml, NumbersStayNumbers) {
  for (const Json& value : {Json(0), Json(-7), Json(18446744073709551615ull), Json(1.5), Json(true), Json(nullptr)}) {
    expect_same(value);
  }
}

// Any value of any shape.
Json arbitrary(base::Rng& rng, int depth) {
  constexpr std::string_view kLetters = "ab:- #'\"\\\n\t{}[],&*!|>%@`0.1~\x01\x7f";
  const auto text = [&] {
    std::string out;
    for (uint64_t i = rng.next() % 6; i > 0; --i) out += kLetters[rng.next() % kLetters.size()];
    return out;
  };
  switch (rng.next() % (depth > 0 ? 6 : 4)) {
    case 0: return Json(text());
    case 1: return Json(static_cast<int64_t>(rng.next() % 1000) - 500);
    case 2: return Json(rng.next() % 2 == 0);
    case 3: return Json(nullptr);
    case 4: {
      Json list = Json::array();
      for (uint64_t i = rng.next() % 4; i > 0; --i) list.push_back(arbitrary(rng, depth - 1));
      return list;
    }
    default: {
      Json object = Json::object();
      for (uint64_t i = rng.next() % 4; i > 0; --i) object["k" + text()] = arbitrary(rng, depth - 1);
      return object;
    }
  }
}

TEST(Yaml, AnyValueReadsBack) {
  base::Rng rng(20261120);
  for (int i = 0; i < 3000; ++i) expect_same(arbitrary(rng, 4));
}

}  // namespace
}  // namespace weft::cli
