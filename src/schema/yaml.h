// YAML as files carry it: documents of maps, lists and text. Scalars stay text
// (`no` and `0755` are what they look like); the schema says what they mean.
// Anchors, aliases and tags are refused: a short text must not become a long one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/json.h"

namespace weft::schema {

struct YamlDocument {
  Json tree;
  size_t line = 1;  // where it begins
};

// Parsing takes up to a second a megabyte, in which nothing else is served; what
// is larger comes as JSON.
inline constexpr size_t kMostYamlBytes = 1 << 20;
inline constexpr size_t kMostYamlDocuments = 10'000;

// The bounds of parse_json() hold for all documents of a text together. Empty
// documents are left out.
Result<std::vector<YamlDocument>> parse_yaml(std::string_view text);

// One document, beginning with "---"; parse_yaml() reads the same back, and so
// does any YAML 1.1 or 1.2 reader.
std::string to_yaml(const OrderedJson& tree);

}  // namespace weft::schema
