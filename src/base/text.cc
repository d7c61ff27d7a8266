#include "base/text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <limits>

namespace weft::base {

std::string hex64(uint64_t value) { return fmt::format("{:016x}", value); }

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view beginning(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Result<uint64_t> parse_number(std::string_view text, uint64_t low, uint64_t high) {
  uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = fault == std::errc{} && end == text.data() + text.size() && !text.empty();
  const bool padded = text.size() > 1 && text.front() == '0';
  if (!whole || padded || value < low || value > high) {
    return error(Code::Usage, "{} is not a number from {} to {}", printable(text), low, high);
  }
  return value;
}

namespace {

struct Unit {
  std::string_view name;
  int64_t ns;
};
// Largest first, which is the order in which a duration is written.
constexpr std::array<Unit, 5> kUnits = {{{"d", 86'400'000'000'000},
                                         {"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000}}};
constexpr int64_t kLongestDuration = 3650 * kUnits[0].ns;

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto refuse = [&] {
    return error(Code::Usage, "{} is not a duration such as 90s, 15m, 4h or 1h30m (at most 3650d)", printable(text));
  };
  std::string_view rest = text;
  int64_t total = 0;
  size_t next_unit = 0;
  while (!rest.empty()) {
    const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits == 0 || digits > 12) return refuse();
    int64_t count = 0;
    std::from_chars(rest.data(), rest.data() + digits, count);
    rest.remove_prefix(digits);
    const size_t letters = std::min(rest.find_first_of("0123456789"), rest.size());
    while (next_unit < kUnits.size() && kUnits[next_unit].name != rest.substr(0, letters)) ++next_unit;
    if (next_unit == kUnits.size()) return refuse();
    const int64_t unit = kUnits[next_unit++].ns;
    if (count > (kLongestDuration - total) / unit) return refuse();
    total += count * unit;
    rest.remove_prefix(letters);
  }
  if (total == 0) return refuse();
  return Duration(total);
}

std::string format_duration(Duration duration) {
  std::string text;
  int64_t left = duration.count();
  for (const Unit& unit : kUnits) {
    if (left >= unit.ns) text += fmt::format("{}{}", left / unit.ns, unit.name);
    left %= unit.ns;
  }
  return text.empty() ? "0s" : text;
}

Result<uint64_t> parse_size(std::string_view text) {
  const auto refuse = [&] {
    return error(Code::Usage, "{} is not a size such as 512, 64k, 128m or 2g", printable(text));
  };
  if (text.empty()) return refuse();
  int shift = 0;
  switch (text.back() | 0x20) {
    case 'k': shift = 10; break;
    case 'm': shift = 20; break;
    case 'g': shift = 30; break;
    default: break;
  }
  const auto number = parse_number(shift ? text.substr(0, text.size() - 1) : text, 1, uint64_t{1} << (50 - shift));
  if (!number.ok()) return refuse();
  return *number << shift;
}

Result<WallTime> parse_time(std::string_view text) {
  const auto refuse = [&] {
    return error(Code::Usage, "{} is not a time such as 2026-11-20T09:30:00Z (UTC)", printable(text));
  };
  // 2026-11-20T09:30:00[.fraction]Z
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
      text.back() != 'Z') {
    return refuse();
  }
  const auto field = [&](size_t at, size_t length) {
    int value = -1;
    const auto [end, fault] = std::from_chars(text.data() + at, text.data() + at + length, value);
    return fault == std::errc{} && end == text.data() + at + length ? value : -1;
  };
  const int hour = field(11, 2), minute = field(14, 2), second = field(17, 2);
  const std::chrono::year_month_day date{std::chrono::year(field(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(field(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(field(8, 2)))};
  if (!date.ok() || field(0, 4) < 1970 || field(0, 4) > 2200 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 59) {
    return refuse();
  }
  int64_t ns = 0;
  if (text.size() > 20) {
    const std::string_view digits = text.substr(20, text.size() - 21);
    if (text[19] != '.' || digits.empty() || digits.size() > 9) return refuse();
    for (size_t i = 0; i < 9; ++i) {
      const char digit = i < digits.size() ? digits[i] : '0';
      if (digit < '0' || digit > '9') return refuse();
      ns = ns * 10 + (digit - '0');
    }
  }
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  const int64_t seconds = std::chrono::seconds(days).count() + hour * 3600 + minute * 60 + second;
  return WallTime{seconds * 1'000'000'000 + ns};
}

std::string format_time(WallTime time) {
  using namespace std::chrono;
  const sys_seconds whole{floor<seconds>(nanoseconds(time.ns))};
  const auto day = floor<days>(whole);
  const year_month_day date{day};
  const hh_mm_ss clock{whole - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

std::string printable(std::string_view text) {
  constexpr size_t kMost = 64;
  std::string out = "'";
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + (text.size() > kMost ? "...'" : "'");
}

}  // namespace weft::base
