// JSON as the API speaks it: a field has the schema's name, an enum value its own
// name without the enum's ("on-failure" for RESTART_ON_FAILURE), numbers are
// numbers. What the schema doesn't know is refused, by its name.
//
// google::protobuf::util isn't used: it has no such enum values, writes 64-bit
// numbers as text and doesn't name the field that is wrong in a nested message.
#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weft::schema {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // for output: fields in the schema's order

// A text of 4 MB may hold so many values that they take 100 MB; these bounds keep
// a request below 30.
inline constexpr size_t kMostJsonBytes = 4 << 20;
inline constexpr size_t kMostJsonValues = 200'000;
inline constexpr int kDeepestJson = 16;

// A bounded tree; a key that stands twice in an object is refused.
Result<Json> parse_json(std::string_view text);

Result<> read_json(const Json& tree, google::protobuf::Message& into);
// The two together. An empty text is an empty message.
Result<> read_json_text(std::string_view text, google::protobuf::Message& into);

enum class Fields {
  All,      // each field, unless it is an optional one that is absent
  NonZero,  // those that say something
};
OrderedJson to_json(const google::protobuf::Message& message, Fields which = Fields::All);
std::string to_json_text(const google::protobuf::Message& message);

// An enum value's name in JSON.
std::string value_name(const google::protobuf::EnumValueDescriptor& value);

}  // namespace weft::schema
