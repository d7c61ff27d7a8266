#include "schema/text.h"

#include <iterator>
#include <tuple>

namespace weft::schema {

using base::Code;
using base::printable;

namespace {

constexpr std::string_view kWays[] = {"igw", "eigw", "blackhole"};  // model::Way

template <class... Ids>
std::optional<model::AnyId> id_among(std::string_view text, const std::variant<Ids...>*) {
  std::optional<model::AnyId> found;
  ((Ids::looks_like(text) ? void(found = Ids{std::string(text)}) : void()), ...);
  return found;
}

}  // namespace

std::string to_text(const model::Peer& peer) {
  return std::visit([](const auto& which) { return to_text(which); }, peer);
}
std::string to_text(const model::Destination& destination) {
  return std::visit([](const auto& which) { return to_text(which); }, destination);
}
std::string to_text(const model::RouteTarget& target) {
  if (const auto* tni = std::get_if<model::TniId>(&target)) return tni->text;
  return std::string(kWays[static_cast<size_t>(std::get<model::Way>(target))]);
}

std::string to_text(base::WallTime time) {
  std::string text = base::format_time(time);
  const int64_t fraction = ((time.ns % 1'000'000'000) + 1'000'000'000) % 1'000'000'000;
  if (fraction != 0) text.replace(text.size() - 1, 1, fmt::format(".{:09}Z", fraction));
  return text;
}

Result<> parse_text(std::string_view text, std::string& into) {
  into = text;
  return {};
}
Result<> parse_text(std::string_view text, net::Prefix& into) {
  into = TRY(net::Prefix::parse(text));
  return {};
}
Result<> parse_text(std::string_view text, net::Address& into) {
  into = TRY(net::Address::parse(text));
  return {};
}
Result<> parse_text(std::string_view text, net::Mac& into) {
  into = TRY(net::Mac::parse(text));
  return {};
}
Result<> parse_text(std::string_view text, model::Traffic& into) {
  into = TRY(model::Traffic::parse(text));
  return {};
}
Result<> parse_text(std::string_view text, model::Peer& into) {
  if (model::GroupId::looks_like(text)) {
    into = model::GroupId{std::string(text)};
  } else if (model::PrefixListId::looks_like(text)) {
    into = model::PrefixListId{std::string(text)};
  } else {
    into = TRY(net::Prefix::parse(text));
  }
  return {};
}
Result<> parse_text(std::string_view text, model::Destination& into) {
  if (model::PrefixListId::looks_like(text)) {
    into = model::PrefixListId{std::string(text)};
  } else {
    into = TRY(net::Prefix::parse(text));
  }
  return {};
}
Result<> parse_text(std::string_view text, model::RouteTarget& into) {
  for (size_t i = 0; i < std::size(kWays); ++i) {
    if (text == kWays[i]) {
      into = static_cast<model::Way>(i);
      return {};
    }
  }
  if (!model::TniId::looks_like(text)) return error(Code::Usage, "{} is not where a route leads", printable(text));
  into = model::TniId{std::string(text)};
  return {};
}
Result<> parse_text(std::string_view text, base::WallTime& into) {
  into = TRY(base::parse_time(text));
  return {};
}

Result<model::AnyId> parse_any_id(std::string_view text) {
  const auto found = id_among(text, static_cast<const model::AnyId*>(nullptr));
  if (!found) return error(Code::Usage, "{} is not an id", printable(text));
  return *found;
}

}  // namespace weft::schema
