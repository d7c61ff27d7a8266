#include "model/group.h"

#include "base/text.h"

namespace weft::model {

using base::Code;

namespace {

struct Named {
  std::string_view name;
  uint8_t number;
};
constexpr Named kProtocols[] = {{"tcp", kTcp}, {"udp", kUdp}, {"icmp", kIcmp}, {"icmpv6", kIcmp6}};

// "80" or "8000-8100".
Result<std::pair<uint16_t, uint16_t>> parse_ports(std::string_view text) {
  const size_t dash = text.find('-', 1);  // "-1" is no range from nothing
  const auto first = TRY(base::parse_number(text.substr(0, dash), 0, 65535));
  const auto last = dash == std::string_view::npos ? first : TRY(base::parse_number(text.substr(dash + 1), 0, 65535));
  if (first > last) return error(Code::Usage, "port range {} ends before it starts", base::printable(text));
  return std::pair{static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
}

// "8" or "3/4": a type with any code, or with one.
Result<std::pair<uint16_t, uint16_t>> parse_icmp(std::string_view text) {
  const size_t slash = text.find('/');
  const auto type = static_cast<uint16_t>(TRY(base::parse_number(text.substr(0, slash), 0, 255)) << 8);
  if (slash == std::string_view::npos) return std::pair{type, static_cast<uint16_t>(type | 0xff)};
  const auto code = static_cast<uint16_t>(TRY(base::parse_number(text.substr(slash + 1), 0, 255)));
  return std::pair{static_cast<uint16_t>(type | code), static_cast<uint16_t>(type | code)};
}

}  // namespace

Result<Traffic> Traffic::parse(std::string_view text) {
  if (text == "all") return Traffic{};
  if (text.starts_with("all:")) return error(Code::Usage, "all is every protocol: ports go with tcp or udp");
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  Traffic traffic;
  for (const Named& named : kProtocols) {
    if (named.name == name) traffic.protocol = named.number;
  }
  if (!traffic.protocol) {
    const auto number = base::parse_number(name, 0, 255);
    if (!number.ok()) {
      return error(Code::Usage, "{} is not a protocol: tcp, udp, icmp, icmpv6, all or 0 to 255", base::printable(name));
    }
    traffic.protocol = static_cast<uint8_t>(*number);
  }
  if (colon == std::string_view::npos) return traffic;
  const std::string_view rest = text.substr(colon + 1);
  if (is_icmp(*traffic.protocol)) {
    std::tie(traffic.first, traffic.last) = TRY(parse_icmp(rest));
  } else if (has_ports(*traffic.protocol)) {
    std::tie(traffic.first, traffic.last) = TRY(parse_ports(rest));
  } else {
    return error(Code::Usage, "protocol {} has no ports", base::printable(name));
  }
  return traffic;
}

std::string Traffic::text() const {
  if (!protocol) return "all";
  std::string name = std::to_string(*protocol);
  for (const Named& named : kProtocols) {
    if (named.number == *protocol) name = named.name;
  }
  if (first == 0 && last == 65535) return name;
  if (is_icmp(*protocol)) {
    if (first == last) return fmt::format("{}:{}/{}", name, first >> 8, first & 0xff);
    return fmt::format("{}:{}", name, first >> 8);
  }
  return first == last ? fmt::format("{}:{}", name, first) : fmt::format("{}:{}-{}", name, first, last);
}

}  // namespace weft::model
