#include <net/if.h>

#include <algorithm>

#include "base/text.h"
#include "gateway/machine.h"
#include "os/netlink_tc.h"
#include "os/netns.h"
#include "os/nft.h"
#include "os/sysctl.h"

namespace weft::gateway {

namespace {

const os::Link* find(const std::vector<os::Link>& links, int index) {
  const auto found =
      std::find_if(links.begin(), links.end(), [&](const os::Link& link) { return link.index == index; });
  return found == links.end() ? nullptr : &*found;
}
bool is_up(const os::Link* link) { return link != nullptr && link->state() == os::LinkState::Up; }

// Ours on one link: addresses but the link-local ones of the kernel, routes by
// their mark. `known_as` stands for the link's index.
Result<Wiring> read_wiring(os::Netlink& netlink, const std::set<int>& links, bool nameless) {
  Wiring wiring;
  const auto mine = [&](auto row, auto& into) {
    if (!links.contains(row.link)) return;
    if (nameless) row.link = 0;
    into.insert(row);
  };
  for (const auto& row : TRY(os::read_addresses(netlink))) {
    const bool by_kernel = row.address.is_link_local() && !row.address.is_v4();
    if (!by_kernel) mine(row, wiring.addresses);
  }
  for (const auto& row : TRY(os::read_routes(netlink, os::kMainTable))) {
    if (row.protocol == kRouteProtocol) mine(row, wiring.routes);
  }
  for (const auto& row : TRY(os::read_neighbours(netlink))) mine(row, wiring.neighbours);
  return wiring;
}

Result<ActualGateway::Forwarding> read_forwarding(const os::Fd& netns) {
  for (const char* name : {"ipv4/ip_forward", "ipv6/conf/all/forwarding"}) {
    if (TRY(os::read_sysctl(netns, name)) != "1") return ActualGateway::Forwarding::Off;
  }
  return ActualGateway::Forwarding::On;
}

// The fingerprint of the rules, if nobody touched them since they were set.
Result<std::optional<uint64_t>> read_rules(const os::Fd& netns, const std::string& mark) {
  const auto words = base::split(mark, ' ');
  if (words.size() != 3 || words[0] != "rules" || !base::is_hex(words[1]) || words[1].size() != 16) {
    return std::optional<uint64_t>();
  }
  const uint64_t fingerprint = std::stoull(std::string(words[1]), nullptr, 16);
  const uint32_t generation = TRY(os::read_nft_generation(netns));
  const bool untouched = mark == rules_mark(fingerprint, generation);
  return untouched ? std::optional(fingerprint) : std::optional<uint64_t>();
}

// What is inside the gateway's namespace; the wires are broken if part is missing.
Result<> read_inside(const os::Fd& netns, ActualGateway& gateway) {
  os::Netlink netlink = TRY(os::Netlink::open_in(netns));
  const auto links = TRY(os::read_links(netlink));
  const os::Link* in = find(links, kIn);
  const os::Link* out = find(links, kOut);
  if (in == nullptr || out == nullptr) {
    gateway.wires = ActualGateway::Wires::Broken;
    return {};
  }
  if (!is_up(in) || !is_up(out)) gateway.wires = ActualGateway::Wires::Slack;
  gateway.mtu = out->mtu;
  gateway.inside = TRY(read_wiring(netlink, {kIn, kOut}, false));
  gateway.forwarding = TRY(read_forwarding(netns));
  gateway.rules = TRY(read_rules(netns, in->alias));
  return {};
}

Result<bool> has_border_program(MachineSockets& machine, const Programs& programs, int link) {
  for (const auto& filter : TRY(os::read_filters(machine.links, link))) {
    if (filter.name == kBorderProgram) return programs.is_from_border(filter.program);
  }
  return false;
}

Result<ActualGateway> read_gateway(MachineSockets& machine, const Programs& programs, const Options& options,
                                   const os::Link& device, const Alias& alias,
                                   const std::vector<os::Link>& instance_links) {
  ActualGateway gateway{.alias = alias,
                        .netns = options.netns_of(alias.vpc),
                        .machine_device = device.name,
                        .instance_device = fmt::format("gw{}", alias.place.slot),
                        .machine_index = device.index,
                        .inside = {},
                        .machine = {},
                        .rules = {}};
  const auto end = std::find_if(instance_links.begin(), instance_links.end(),
                                [&](const os::Link& link) { return link.name == gateway.instance_device; });
  const auto netns = TRY(os::find_netns(gateway.netns));
  if (!netns || end == instance_links.end() || end->alias != alias.vpc.text) return gateway;
  const bool whole = is_up(&*end) && is_up(&device) && TRY(has_border_program(machine, programs, device.index));
  gateway.instance_index = end->index;
  gateway.wires = whole ? ActualGateway::Wires::Whole : ActualGateway::Wires::Slack;
  gateway.machine = TRY(read_wiring(machine.links, {device.index}, true));
  TRY_VOID(read_inside(*netns, gateway));
  return gateway;
}

Result<> read_uplink(MachineSockets& machine, const Programs& programs, const Options& options, int link,
                     Actual& actual) {
  for (const auto& filter : TRY(os::read_filters(machine.links, link))) {
    const bool ours = filter.name == kUplinkProgram && filter.place.priority == options.priority &&
                      filter.place.handle == options.handle() && filter.place.hook == os::Hook::Ingress;
    if (ours) (programs.is_from_uplink(filter.program) ? actual.uplinks : actual.stale_uplinks).insert(link);
  }
  return {};
}

}  // namespace

Result<Actual> read_actual(MachineSockets& machine, const Programs& programs, const Options& options) {
  Actual actual;
  for (const auto& name : TRY(os::list_netns(options.netns_prefix))) {
    if (options.is_netns(name)) actual.strays.insert(name);
  }
  const auto instance_links = TRY(os::read_links(machine.instance));
  for (const os::Link& link : TRY(os::read_links(machine.links))) {
    if (!options.is_device(link.name)) {
      TRY_VOID(read_uplink(machine, programs, options, link.index, actual));
      continue;
    }
    const auto alias = parse_alias(link.alias);
    if (!alias) {
      actual.strays.insert(link.name);
      continue;
    }
    auto gateway = TRY(read_gateway(machine, programs, options, link, *alias, instance_links));
    actual.strays.erase(gateway.netns);
    actual.gateways.emplace(alias->vpc, std::move(gateway));
  }
  actual.border = TRY(programs.read_border());
  const bool translated = programs.calls() == Programs::Calls::Translated;
  actual.calls = translated ? Actual::Calls::Translated : Actual::Calls::Untouched;
  const auto now = TRY(read_reserved(machine));
  const auto traces = TRY(Traces::read(traces_path(options)));
  if (const auto shown = TRY(os::read_nft_table(machine.netns, options.table, Guard::kChain))) {
    const bool as_left = traces.guard && traces.guard->shown == *shown;
    actual.guard = as_left ? traces.guard->rules : 0;
  }
  // What somebody took off the list since is not reserved.
  actual.reserved = traces.reserved.without(traces.reserved.without(now));
  return actual;
}

}  // namespace weft::gateway
