#include "gateway/resolv.h"

#include "base/text.h"

namespace weft::gateway {

namespace {

constexpr size_t kMostServers = 3;
constexpr std::string_view kKeyword = "nameserver";

}  // namespace

NameServers parse_resolv_conf(std::string_view text) {
  NameServers servers;
  size_t seen = 0;
  for (const auto raw : base::split(text, '\n')) {
    const auto line = base::trim(raw.substr(0, raw.find_first_of("#;")));
    if (!line.starts_with(kKeyword) || line.size() == kKeyword.size()) continue;
    if (line[kKeyword.size()] != ' ' && line[kKeyword.size()] != '\t') continue;
    if (++seen > kMostServers) break;
    const auto word = base::trim(line.substr(kKeyword.size()));
    const auto address = net::Address::parse(word);
    if (!address.ok()) {
      servers.useless.push_back(fmt::format("name server {}: no address without a zone", base::printable(word)));
    } else if (address->is_loopback() || address->is_unspecified()) {
      servers.useless.push_back(fmt::format("name server {}: it serves the machine alone", address->text()));
    } else {
      servers.usable.push_back(*address);
    }
  }
  return servers;
}

}  // namespace weft::gateway
