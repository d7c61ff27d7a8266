// The text form of the model's values in the schema: to_text and parse_text.
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"
#include "model/state.h"

namespace weft::schema {

template <class Tag>
std::string to_text(const base::Id<Tag>& id) {
  return id.text;
}
inline std::string to_text(const std::string& text) { return text; }
inline std::string to_text(const net::Prefix& prefix) { return prefix.text(); }
inline std::string to_text(const net::Address& address) { return address.text(); }
inline std::string to_text(const net::Mac& mac) { return mac.text(); }
inline std::string to_text(const model::Traffic& traffic) { return traffic.text(); }
std::string to_text(const model::Peer& peer);
std::string to_text(const model::Destination& destination);
std::string to_text(const model::RouteTarget& target);  // "igw", "eigw", "blackhole", or an id
// To the nanosecond, so that what is read back is what was written.
std::string to_text(base::WallTime time);

// An empty text is the empty id: it refers to nothing.
template <class Tag>
Result<> parse_text(std::string_view text, base::Id<Tag>& into) {
  if (!text.empty() && !base::Id<Tag>::looks_like(text)) {
    return error(base::Code::Usage, "{} is not an id {}-...", base::printable(text), Tag::kPrefix);
  }
  into.text = text;
  return {};
}
Result<> parse_text(std::string_view text, std::string& into);
Result<> parse_text(std::string_view text, net::Prefix& into);
Result<> parse_text(std::string_view text, net::Address& into);
Result<> parse_text(std::string_view text, net::Mac& into);
Result<> parse_text(std::string_view text, model::Traffic& into);
Result<> parse_text(std::string_view text, model::Peer& into);
Result<> parse_text(std::string_view text, model::Destination& into);
Result<> parse_text(std::string_view text, model::RouteTarget& into);
Result<> parse_text(std::string_view text, base::WallTime& into);

// The id of whatever kind its prefix says.
Result<model::AnyId> parse_any_id(std::string_view text);

}  // namespace weft::schema
