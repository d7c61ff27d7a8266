#include "cli/value.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/visible.h"

namespace weft::cli {

using base::Code;
using base::printable;

namespace {

constexpr uint64_t kMostNumber = 4'294'967'295;
constexpr int64_t kSecond = 1'000'000'000;

Result<> check_letters(std::string_view text, Kind kind, Letters letters) {
  if (text.empty() && letters == Letters::Printable && kind != Kind::Note) return error(Code::Usage, "is empty");
  const size_t most = letters == Letters::Any ? kMostWordBytes : kMostValueBytes;
  if (text.size() > most) {
    return error(Code::Usage, "{} is too long: {} bytes, at most {}", printable(text), text.size(), most);
  }
  for (std::string_view rest = text; !rest.empty();) {
    const Character c = first_character(rest);
    if (!c.valid) return error(Code::Usage, "'{}' is not UTF-8", visible(text.substr(0, 64)));
    if (letters == Letters::Printable && is_control(c.point)) {
      return error(Code::Usage, "'{}' contains a control character", visible(text.substr(0, 64)));
    }
    rest.remove_prefix(c.bytes);
  }
  return {};
}

Result<> check_choice(std::string_view text, std::string_view choices) {
  const auto all = alternatives(choices);
  if (std::find(all.begin(), all.end(), text) != all.end()) return {};
  std::string list;
  for (const auto& choice : all) {
    if (!list.empty()) list += &choice == &all.back() ? " nor " : ", ";
    list += choice;
  }
  return error(Code::Usage, "{} is neither {}", printable(text), list);
}

Result<> check_decimal(std::string_view text) {
  const size_t dot = std::min(text.find('.'), text.size());
  const auto digits = [](std::string_view part) {
    return !part.empty() && part.size() <= 6 && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const bool fraction_fits = dot == text.size() || digits(text.substr(dot + 1));
  const bool some = text.find_first_of("123456789") != std::string_view::npos;
  if (digits(text.substr(0, dot)) && fraction_fits && some) return {};
  return error(Code::Usage, "{} is not a number such as 0.5 or 2", printable(text));
}

Result<> check_setting(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals != 0 && equals != std::string_view::npos) return {};
  return error(Code::Usage, "{} is not of the form NAME=VALUE", printable(text));
}

template <class T>
Result<> only_checked(Result<T> parsed) {
  if (!parsed.ok()) return std::move(parsed).error();
  return {};
}

}  // namespace

Result<> check_value(const Shape& shape, std::string_view text) {
  const Letters letters = shape.kind == Kind::Setting ? Letters::Any : shape.letters;
  TRY_VOID(check_letters(text, shape.kind, letters));
  switch (shape.kind) {
    case Kind::Switch:
    case Kind::Text:
    case Kind::Note: return {};
    case Kind::Number: return only_checked(base::parse_number(text, 0, kMostNumber));
    case Kind::Duration:
    case Kind::Seconds: return only_checked(base::parse_duration(text));
    case Kind::Size: return only_checked(base::parse_size(text));
    case Kind::Time: return only_checked(base::parse_time(text));
    case Kind::Choice: return check_choice(text, shape.choices);
    case Kind::Decimal: return check_decimal(text);
    case Kind::Setting: return check_setting(text);
  }
  return {};
}

nlohmann::ordered_json json_of(Kind kind, std::string_view text) {
  if (kind == Kind::Number) return *base::parse_number(text, 0, kMostNumber);
  if (kind == Kind::Seconds) return (base::parse_duration(text)->count() + kSecond - 1) / kSecond;
  return std::string(text);
}

std::vector<std::string_view> alternatives(std::string_view choices) {
  return choices.empty() ? std::vector<std::string_view>() : base::split(choices, '|');
}

}  // namespace weft::cli
