#include "api/settle_text.h"

#include <algorithm>

#include "base/text.h"
#include "workload/spec.h"

namespace weft::api {

using base::Code;
using base::printable;

Result<net::Prefix> take_prefix(Draft& draft, std::string_view text) {
  const net::Prefix prefix = TRY(net::Prefix::parse(text));
  const auto written = net::Address::parse(text.substr(0, text.find('/')));
  if (written.ok() && *written != prefix.first()) {
    draft.note(fmt::format("{} was taken as {}", text, prefix.text()));
  }
  return prefix;
}

Result<std::vector<net::Prefix>> take_prefixes(Draft& draft, const Texts& texts, std::string_view field) {
  std::vector<net::Prefix> prefixes;
  for (int i = 0; i < texts.size(); ++i) {
    prefixes.push_back(TRY(take_prefix(draft, texts[i]).in_field(fmt::format("{}[{}]", field, i))));
  }
  return prefixes;
}

Choice choice_of(std::string_view text) {
  if (text.empty() || text == "auto") return Choice::Auto;
  return text == "none" ? Choice::None : Choice::Named;
}

Result<std::vector<model::GroupId>> take_groups(const Draft& draft, const Texts& names, const model::Vpc& vpc) {
  if (names.empty()) return std::vector{vpc.default_group};
  std::vector<model::GroupId> groups;
  for (int i = 0; i < names.size(); ++i) {
    const std::string field = fmt::format("groups[{}]", i);
    const auto id = TRY(resolve_group(draft, names[i], {.vpc = vpc.id}).in_field(field));
    if (draft.get(id).vpc != vpc.id) {
      return Error{.code = Code::Usage,
                   .what = fmt::format("{} is not a group of VPC {}", printable(names[i]), vpc.name),
                   .field = field};
    }
    groups.push_back(id);
  }
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  return groups;
}

namespace {

struct AtAddress {
  std::optional<net::Address> address;
  std::string_view ports;
};

// "[fd00::1]:80:80", "192.0.2.1:80:80" or "80:80".
Result<AtAddress> split_address(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t close = text.find("]:");
    if (close == std::string_view::npos) return error(Code::Usage, "the bracket is not closed");
    return AtAddress{TRY(net::Address::parse(text.substr(1, close - 1))), text.substr(close + 2)};
  }
  const auto parts = base::split(text, ':');
  if (parts.size() != 3) return AtAddress{std::nullopt, text};
  return AtAddress{TRY(net::Address::parse(parts[0])), text.substr(parts[0].size() + 1)};
}

Result<model::Publication> parse_publication_parts(std::string_view text) {
  model::Publication publication;
  const size_t slash = text.rfind('/');
  if (slash != std::string_view::npos) {
    const std::string_view protocol = text.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp") return error(Code::Usage, "a published port is tcp or udp");
    publication.protocol = protocol == "tcp" ? model::kTcp : model::kUdp;
    text = text.substr(0, slash);
  }
  const AtAddress at = TRY(split_address(text));
  publication.address = at.address;
  const auto ports = base::split(at.ports, ':');
  if (ports.size() != 2) return error(Code::Usage, "it is [ADDRESS:]PORT:PORT[/tcp|/udp]");
  publication.port = static_cast<uint16_t>(TRY(base::parse_number(ports[0], 1, 65535)));
  publication.target_port = static_cast<uint16_t>(TRY(base::parse_number(ports[1], 1, 65535)));
  return publication;
}

}  // namespace

Result<model::Publication> parse_publication(std::string_view text) {
  return parse_publication_parts(text).within(printable(text));
}

std::string to_text(const model::Publication& publication) {
  std::string address;
  if (publication.address) {
    address =
        publication.address->is_v4() ? publication.address->text() + ":" : "[" + publication.address->text() + "]:";
  }
  return fmt::format("{}{}:{}/{}", address, publication.port, publication.target_port,
                     publication.protocol == model::kTcp ? "tcp" : "udp");
}

Result<uint32_t> parse_cpus(std::string_view text) {
  const auto refuse = [&] {
    return error(Code::Usage, "{} is not a number of processors such as 2 or 0.5, from 0.01 to 1000", printable(text));
  };
  const size_t point = text.find('.');
  const auto whole = base::parse_number(text.substr(0, point), 0, workload::kMostCpuMillis / 1000);
  if (!whole.ok()) return refuse();
  uint64_t milli = *whole * 1000;
  if (point != std::string_view::npos) {
    std::string digits(text.substr(point + 1));
    if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos) {
      return refuse();
    }
    digits.resize(3, '0');
    milli += static_cast<uint64_t>((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
  }
  if (milli < workload::kLeastCpuMillis || milli > workload::kMostCpuMillis) return refuse();
  return static_cast<uint32_t>(milli);
}

std::string cpus_text(uint32_t milli_cpus) {
  if (milli_cpus == 0) return {};
  std::string text = fmt::format("{}.{:03}", milli_cpus / 1000, milli_cpus % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string size_text(uint64_t bytes) {
  if (bytes == 0) return {};
  constexpr std::array<std::string_view, 4> kUnits = {"", "k", "m", "g"};
  size_t unit = 0;
  while (unit + 1 < kUnits.size() && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

}  // namespace weft::api
