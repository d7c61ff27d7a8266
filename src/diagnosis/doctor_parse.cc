#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "diagnosis/doctor.h"

namespace weft::diagnosis {

namespace {

// A resolv.conf may have any number; the C library takes three.
constexpr size_t kMostNameServers = 3;
constexpr size_t kMostFirewalls = 16;  // named; more say nothing new

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> all;
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) return all;
    const size_t end = std::min(line.find_first_of(" \t"), line.size());
    all.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

std::string text_at(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Cgroups parse_cgroups(std::string_view mounts, std::string_view unified_controllers) {
  Cgroups cgroups;
  for (const std::string_view line : base::split(mounts, '\n')) {
    const auto fields = words(line);  // device, place, type, options, ...
    if (fields.size() < 4) continue;
    if (fields[2] == "cgroup2") {
      cgroups.version = std::max(cgroups.version, cgroups.controllers.empty() ? 2 : 1);
      for (const std::string_view name : words(base::trim(unified_controllers))) cgroups.controllers.emplace(name);
    }
    if (fields[2] != "cgroup") continue;
    for (const std::string_view option : base::split(fields[3], ',')) {
      if (option != "memory" && option != "cpu" && option != "pids") continue;
      cgroups.version = 1;
      cgroups.controllers.emplace(option);
    }
  }
  return cgroups;
}

std::vector<net::Address> parse_name_servers(std::string_view resolv_conf) {
  std::vector<net::Address> servers;
  for (const std::string_view line : base::split(resolv_conf, '\n')) {
    const auto fields = words(line);
    if (fields.size() < 2 || fields[0] != "nameserver" || servers.size() == kMostNameServers) continue;
    if (const auto address = net::Address::parse(fields[1]); address.ok()) servers.push_back(*address);
  }
  return servers;
}

std::vector<Firewall> parse_chains(std::string_view nft_json, std::string_view own_prefix) {
  const auto tree = nlohmann::json::parse(nft_json, nullptr, false);
  if (!tree.is_object() || !tree.contains("nftables") || !tree["nftables"].is_array()) return {};
  std::map<std::string, Found> tables;
  for (const auto& entry : tree["nftables"]) {
    if (!entry.is_object() || !entry.contains("chain") || !entry["chain"].is_object()) continue;
    const auto& chain = entry["chain"];
    const std::string table = text_at(chain, "table");
    if (table.empty() || table.starts_with(own_prefix)) continue;
    const auto [at, is_new] = tables.try_emplace(text_at(chain, "family") + " " + table, Found::No);
    if (text_at(chain, "hook") == "forward" && text_at(chain, "policy") == "drop") at->second = Found::Yes;
  }
  std::vector<Firewall> firewalls;
  for (const auto& [table, drops] : tables) {
    if (firewalls.size() < kMostFirewalls) firewalls.push_back({table, drops});
  }
  return firewalls;
}

}  // namespace weft::diagnosis
