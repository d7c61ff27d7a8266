// The texts in requests and specs, parsed with the field named and a note where
// what was written isn't what was taken.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <optional>
#include <string>
#include <vector>

#include "api/draft.h"
#include "api/resolve.h"

namespace weft::api {

using Texts = google::protobuf::RepeatedPtrField<std::string>;

// Cleared host bits are noted.
Result<net::Prefix> take_prefix(Draft& draft, std::string_view text);
Result<std::vector<net::Prefix>> take_prefixes(Draft& draft, const Texts& texts, std::string_view field);

// "auto" or "" (nothing is named), "none", or one.
enum class Choice { Auto, None, Named };
Choice choice_of(std::string_view text);

// Sorted, each once. None named: the VPC's default group.
Result<std::vector<model::GroupId>> take_groups(const Draft& draft, const Texts& names, const model::Vpc& vpc);

// [ADDRESS:]PORT:PORT[/tcp|/udp]
Result<model::Publication> parse_publication(std::string_view text);
std::string to_text(const model::Publication& publication);

// "0.5": thousandths of a processor.
Result<uint32_t> parse_cpus(std::string_view text);
std::string cpus_text(uint32_t milli_cpus);
// The largest unit that says it exactly.
std::string size_text(uint64_t bytes);

}  // namespace weft::api
