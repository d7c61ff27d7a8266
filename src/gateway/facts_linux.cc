#include <net/if.h>

#include <algorithm>
#include <set>

#include "gateway/machine.h"
#include "gateway/places.h"
#include "gateway/resolv.h"
#include "os/file.h"
#include "os/netlink_address.h"
#include "os/netlink_route.h"
#include "os/netlink_tc.h"
#include "os/sockets.h"
#include "os/sysctl.h"

namespace weft::gateway {

using net::Address;
using net::Family;

namespace {

constexpr size_t kLongestResolvConf = 64 << 10;
constexpr int kLoopback = 1;
// Any addresses of the internet, to learn which of its own the machine prefers.
const Address kSomewhere[] = {*Address::parse("1.1.1.1"), *Address::parse("2606:4700:4700::1111")};

bool is_ours(const os::Link& link, const Options& options) {
  return link.name == options.machine_device || options.is_device(link.name);
}
bool is_of_an_instance(const os::Link& link) { return link.kind == "veth" && Options::is_of_any(link.name); }

// Addresses by which others can call the machine. Those towards the gateways,
// also another instance's, are none.
bool is_global(const os::LinkAddress& row) {
  return !row.address.is_link_local() && !row.address.is_loopback() &&
         !Inside::all(row.address.family()).contains(row.address);
}

Result<> read_links(MachineSockets& machine, const Options& options, MachineFacts& facts) {
  const auto addresses = TRY(os::read_addresses(machine.links));
  for (const os::Link& link : TRY(os::read_links(machine.links))) {
    if (is_ours(link, options)) continue;
    MachineFacts::Link row{.index = link.index, .name = link.name, .mtu = link.mtu, .addresses = {}};
    const bool of_another = is_of_an_instance(link);
    std::vector<Address>& global = of_another ? facts.instances : row.addresses;
    for (const auto& address : addresses) {
      if (address.link != link.index) continue;
      facts.addresses.push_back(address.address);
      if (is_global(address)) global.push_back(address.address);
    }
    if (of_another) continue;
    const bool usable = (link.flags & IFF_UP) != 0 && (link.flags & IFF_LOOPBACK) == 0;
    if (usable) facts.links.push_back(std::move(row));
  }
  return {};
}

Result<> read_defaults(MachineSockets& machine, MachineFacts& facts) {
  auto routes = TRY(os::read_routes(machine.links, os::kMainTable));
  std::erase_if(
      routes, [](const os::Route& route) { return route.to.length() != 0 || route.kind != os::Route::Kind::Unicast; });
  std::stable_sort(routes.begin(), routes.end(),
                   [](const os::Route& x, const os::Route& y) { return x.metric < y.metric; });
  for (const os::Route& route : routes) {
    const Family family = route.to.family();
    const auto way = TRY(os::find_way(machine.links, kSomewhere[family == Family::V4 ? 0 : 1]));
    const auto preferred = way && way->link == route.link ? way->source : std::nullopt;
    facts.defaults.push_back({family, route.link, route.source ? route.source : preferred});
  }
  return {};
}

Result<NameServers> read_name_servers(const Options& options) {
  NameServers servers;
  for (const std::string& path : {options.resolv_conf, options.upstream_resolv_conf}) {
    const auto text = TRY(os::find_file(path, kLongestResolvConf));
    if (!text) continue;
    NameServers found = parse_resolv_conf(*text);
    if (!found.usable.empty()) return found;
    if (servers.useless.empty()) servers = std::move(found);
  }
  return servers;
}

Result<> read_resolvers(MachineSockets& machine, const Options& options, MachineFacts& facts) {
  const NameServers servers = TRY(read_name_servers(options));
  facts.useless_resolvers = servers.useless;
  for (const Address& address : servers.usable) {
    const auto way = TRY(os::find_way(machine.links, address));
    if (!way || !way->source) {
      facts.useless_resolvers.push_back(fmt::format("name server {}: no route leads there", address.text()));
    } else if (way->link == kLoopback) {
      facts.useless_resolvers.push_back(fmt::format("name server {}: it is the machine itself", address.text()));
    } else {
      facts.resolvers.push_back({address, way->link, *way->source});
    }
  }
  return {};
}

// At a way out, where each instance stands.
Result<> read_published(MachineSockets& machine, const Options& options, MachineFacts& facts) {
  std::set<int> links;
  for (const auto& route : facts.defaults) links.insert(route.link);
  std::set<uint32_t> programs;
  for (const int link : links) {
    for (const auto& filter : TRY(os::read_filters(machine.links, link))) {
      const bool another = filter.name == kUplinkProgram && filter.place.priority == options.priority &&
                           filter.place.handle != options.handle();
      if (another) programs.insert(filter.program);
    }
  }
  for (const uint32_t program : programs) {
    const auto doors = TRY(Programs::read_doors(program));
    facts.published.insert(facts.published.end(), doors.begin(), doors.end());
  }
  return {};
}

}  // namespace

Result<PortSet> read_reserved(const MachineSockets& machine) {
  const std::string text = TRY(os::read_sysctl(machine.netns, kReservedPorts));
  return PortSet::parse(text).within(kReservedPorts);
}

Result<MachineFacts> read_facts(MachineSockets& machine, const Options& options) {
  MachineFacts facts;
  TRY_VOID(read_links(machine, options, facts));
  TRY_VOID(read_defaults(machine, facts));
  TRY_VOID(read_resolvers(machine, options, facts));
  TRY_VOID(read_published(machine, options, facts));
  for (const auto& socket : TRY(os::read_bound_sockets(machine.sockets))) {
    facts.bound.push_back({socket.protocol, socket.address, socket.port});
  }
  const Traces traces = TRY(Traces::read(traces_path(options)));
  facts.reserved = TRY(read_reserved(machine)).without(traces.reserved);
  return facts;
}

}  // namespace weft::gateway
