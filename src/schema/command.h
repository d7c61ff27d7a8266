// The bytes of the log and of snapshots: encode and parse. What parses is what
// was encoded; whether it may be applied is the model's to say. All texts are
// UTF-8, which the parsers at the edge see to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/state.h"

namespace weft::schema {

// A command is one transaction and one answer to a request of 4 MB: more is no
// command of ours.
inline constexpr size_t kLargestCommand = 16 << 20;
inline constexpr size_t kLargestSnapshot = 1 << 30;

std::string encode(const model::Command& command);
Result<model::Command> parse_command(std::string_view bytes);

// The bytes of one after those of another are those of both.
std::string encode(const std::vector<model::Object>& objects);
Result<std::vector<model::Object>> parse_objects(std::string_view bytes);

std::string encode(const model::Snapshot& snapshot);
Result<model::Snapshot> parse_snapshot(std::string_view bytes);

}  // namespace weft::schema
