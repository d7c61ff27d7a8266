#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "gateway/machine.h"
#include "os/file.h"
#include "os/netlink_tc.h"
#include "os/netns.h"
#include "os/nft.h"
#include "os/sysctl.h"

namespace weft::gateway {

using base::Code;

namespace {

constexpr int kLoopback = 1;

// Before its devices come, which take their settings from the defaults. A gateway
// forwards nothing before it has its rules.
constexpr std::array<std::pair<const char*, const char*>, 12> kSettings = {{
    {"ipv4/ip_forward", "0"},
    {"ipv6/conf/all/disable_ipv6", "0"},
    {"ipv6/conf/default/disable_ipv6", "0"},
    {"ipv4/conf/all/rp_filter", "0"},
    {"ipv4/conf/default/rp_filter", "0"},
    {"ipv4/conf/all/send_redirects", "0"},
    {"ipv4/conf/default/send_redirects", "0"},
    {"ipv4/conf/all/accept_redirects", "0"},
    {"ipv4/conf/default/accept_redirects", "0"},
    {"ipv6/conf/all/accept_ra", "0"},
    {"ipv6/conf/default/accept_ra", "0"},
    {"ipv6/conf/default/accept_redirects", "0"},
}};

// A closed connection's port is asked for again soon: a share is small.
constexpr const char* kTimeWait = "netfilter/nf_conntrack_tcp_timeout_time_wait";

Result<> create_gateway(MachineSockets& machine, const Programs& programs, const Options& options,
                        const Gateway& gateway) {
  // What an attempt before left.
  TRY_VOID(remove_gateway(machine, {gateway.vpc, gateway.netns, gateway.machine_device, gateway.instance_device}));
  const os::Fd netns = TRY(os::create_netns(gateway.netns));
  for (const auto& [name, value] : kSettings) TRY_VOID(os::write_sysctl(netns, name, value));
  os::Netlink inside = TRY(os::Netlink::open_in(netns));
  TRY_VOID(inside.apply({
      os::create_veth({.name = "in",
                       .index = kIn,
                       .mac = kGatewayMac,
                       .mtu = options.mtu,
                       .peer = {.name = gateway.instance_device,
                                .mac = kRouterMac,
                                .mtu = options.mtu,
                                .netns = &machine.instance_netns}}),
      os::create_veth(
          {.name = "out",
           .index = kOut,
           .mac = kOutMac,
           .mtu = gateway.mtu,
           .peer = {.name = gateway.machine_device, .mac = kMachineMac, .mtu = gateway.mtu, .netns = &machine.netns}}),
  }));
  const int instance = TRY(os::link_index(machine.instance, gateway.instance_device));
  TRY_VOID(machine.instance.apply({os::change_link({.index = instance, .alias = gateway.vpc.text}),
                                   os::suppress_link_local(instance),
                                   os::change_link({.index = instance, .state = os::LinkState::Up})}));
  const int border = TRY(os::link_index(machine.links, gateway.machine_device));
  TRY_VOID(machine.links.apply(
      {os::suppress_link_local(border), os::put_clsact(border),
       os::put_filter({.link = border}, programs.from_border(), kBorderProgram, os::Create::Replace),
       os::change_link({.index = border, .state = os::LinkState::Up})}));
  TRY_VOID(inside.apply({os::suppress_link_local(kIn), os::suppress_link_local(kOut),
                         os::change_link({.index = kLoopback, .state = os::LinkState::Up}),
                         os::change_link({.index = kIn, .state = os::LinkState::Up}),
                         os::change_link({.index = kOut, .state = os::LinkState::Up})}));
  // Last: a device with its alias is a gateway that was made to the end.
  return machine.links.apply({os::change_link({.index = border, .alias = gateway.alias()})});
}

Result<> tighten(MachineSockets& machine, const Programs& programs, const Tighten& step) {
  const os::Fd netns = TRY(os::open_netns(step.netns));
  os::Netlink inside = TRY(os::Netlink::open_in(netns));
  const int instance = TRY(os::link_index(machine.instance, step.instance_device));
  const int border = TRY(os::link_index(machine.links, step.machine_device));
  TRY_VOID(inside.apply({os::change_link({.index = kIn, .state = os::LinkState::Up}),
                         os::change_link({.index = kOut, .state = os::LinkState::Up})}));
  TRY_VOID(machine.instance.apply({os::change_link({.index = instance, .state = os::LinkState::Up})}));
  return machine.links.apply(
      {os::put_clsact(border),
       os::put_filter({.link = border}, programs.from_border(), kBorderProgram, os::Create::Replace),
       os::change_link({.index = border, .state = os::LinkState::Up})});
}

// Addresses first: routes prefer one of them.
void put(const Wiring& wiring, int link, std::vector<os::Request>& requests) {
  const auto at = [&](auto row) {
    if (row.link == 0) row.link = link;
    return row;
  };
  for (const auto& row : wiring.addresses) requests.push_back(os::put_address(at(row), os::Create::Replace));
  for (const auto& row : wiring.neighbours) requests.push_back(os::put_neighbour(at(row), os::Create::Replace));
  for (const auto& row : wiring.routes) requests.push_back(os::put_route(at(row), os::Create::Replace));
}
void remove(const Wiring& wiring, int link, std::vector<os::Request>& requests) {
  const auto at = [&](auto row) {
    if (row.link == 0) row.link = link;
    return row;
  };
  for (const auto& row : wiring.routes) requests.push_back(os::remove_route(at(row)));
  for (const auto& row : wiring.neighbours) requests.push_back(os::remove_neighbour(at(row)));
  for (const auto& row : wiring.addresses) requests.push_back(os::remove_address(at(row)));
}

Result<> rewire(MachineSockets& machine, const Rewire& step) {
  const os::Fd netns = TRY(os::open_netns(step.netns));
  os::Netlink inside = TRY(os::Netlink::open_in(netns));
  const int device = TRY(os::link_index(machine.links, step.machine_device));
  std::vector<os::Request> requests;
  if (step.mtu != 0) requests.push_back(os::change_link({.index = kOut, .mtu = step.mtu}));
  remove(step.remove_inside, kOut, requests);
  put(step.put_inside, kOut, requests);
  TRY_VOID(inside.apply(requests));
  requests.clear();
  if (step.mtu != 0) requests.push_back(os::change_link({.index = device, .mtu = step.mtu}));
  remove(step.remove_machine, device, requests);
  put(step.put_machine, device, requests);
  return machine.links.apply(requests);
}

Result<> set_rules(const SetRules& step) {
  const os::Fd netns = TRY(os::open_netns(step.netns));
  TRY_VOID(os::run_nft(netns, step.rules.nft()));
  TRY_VOID(os::write_sysctl(netns, kTimeWait, "20"));
  TRY_VOID(os::write_sysctl(netns, "ipv4/ip_forward", "1"));
  TRY_VOID(os::write_sysctl(netns, "ipv6/conf/all/forwarding", "1"));
  os::Netlink inside = TRY(os::Netlink::open_in(netns));
  const uint32_t generation = TRY(os::read_nft_generation(netns));
  return inside.apply({os::change_link({.index = kIn, .alias = rules_mark(step.rules.fingerprint(), generation)})});
}

Result<> set_guard(MachineSockets& machine, const Options& options, const Guard& guard) {
  TRY_VOID(os::run_nft(machine.netns, guard.nft()));
  const auto shown = TRY(os::read_nft_table(machine.netns, guard.table, Guard::kChain));
  Traces traces = TRY(Traces::read(traces_path(options)));
  traces.guard = Traces::Guard{guard.fingerprint(), shown.value_or(0)};
  return traces.write(traces_path(options));
}

Result<> fill_border(MachineSockets& machine, const Programs& programs, const Options& options, Border put) {
  // Devices that were made in this round have an index now.
  for (auto& [slot, index] : put.gateways) {
    index = TRY(os::link_index(machine.links, options.device_of(slot)));
  }
  return programs.fill(put);
}

Result<> attach_uplink(MachineSockets& machine, const Programs& programs, const Options& options, int link) {
  os::Request hooks = os::put_clsact(link);
  // An error if they are there: then they are somebody's.
  hooks.done = {};
  const auto failures = TRY(machine.links.send({&hooks, 1}));
  if (!failures.empty() && failures.front().number != EEXIST) return failures.front().error;
  const os::FilterPlace place{.link = link, .priority = options.priority, .handle = options.handle()};
  const auto filters = TRY(os::read_filters(machine.links, link));
  // Where only other instances stand, the last of us takes the hooks away.
  const bool among_us = !filters.empty() && std::all_of(filters.begin(), filters.end(), [&](const os::Filter& filter) {
    return filter.name == kUplinkProgram && filter.place != place;
  });
  Traces traces = TRY(Traces::read(traces_path(options)));
  const bool to_tidy = failures.empty() || among_us;
  if (to_tidy && traces.hooks.insert(link).second) TRY_VOID(traces.write(traces_path(options)));
  for (const auto& filter : filters) {
    if (filter.place == place && filter.name != kUplinkProgram) {
      return error(Code::Conflict, "link {}: {} has the filter's place {}/{}", link, base::printable(filter.name),
                   place.priority, place.handle);
    }
  }
  return machine.links.apply({os::put_filter(place, programs.from_uplink(), kUplinkProgram, os::Create::Replace)});
}

// Where the machine's cgroup2 hierarchy is mounted.
Result<std::optional<std::string>> find_cgroup2() {
  const std::string mounts = TRY(os::read_file("/proc/self/mounts", 4 << 20));
  for (const auto line : base::split(mounts, '\n')) {
    const auto words = base::split(line, ' ');
    if (words.size() >= 3 && words[2] == "cgroup2") return std::optional(std::string(words[1]));
  }
  return std::optional<std::string>();
}

Result<os::Fd> open_cgroup(const Options& options) {
  std::string path = options.cgroup;
  if (path.empty()) path = TRY(find_cgroup2()).value_or("");
  if (path.empty()) {
    path = options.run + "/cgroup2";
    TRY_VOID(os::make_directories(path, 0755));
    if (mount("cgroup2", path.c_str(), "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
      return base::errno_error("mount a cgroup2 hierarchy at " + path, errno);
    }
  }
  os::Fd cgroup(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup.valid()) return base::errno_error("open " + path, errno);
  return cgroup;
}

}  // namespace

Result<MachineSockets> MachineSockets::open(os::Fd instance_netns) {
  os::Fd netns = TRY(os::current_netns());
  os::Netlink links = TRY(os::Netlink::open());
  os::Netlink sockets = TRY(os::Netlink::open(os::Bus::Sockets));
  os::Netlink instance = TRY(os::Netlink::open_in(instance_netns));
  return MachineSockets{std::move(netns), std::move(links), std::move(sockets), std::move(instance_netns),
                        std::move(instance)};
}

std::string traces_path(const Options& options) { return options.run + "/machine"; }

std::string rules_mark(uint64_t fingerprint, uint32_t generation) {
  return fmt::format("rules {} {}", base::hex64(fingerprint), generation);
}

Result<> remove_gateway(MachineSockets& machine, const RemoveGateway& step) {
  // Devices by hand: those of a namespace go some time after its name.
  if (const auto link = TRY(os::find_link(machine.links, step.machine_device))) {
    TRY_VOID(machine.links.apply({os::remove_link(link->index)}));
  }
  if (const auto link = TRY(os::find_link(machine.instance, step.instance_device))) {
    TRY_VOID(machine.instance.apply({os::remove_link(link->index)}));
  }
  return os::remove_netns(step.netns);
}

Result<> remove_stray(MachineSockets& machine, const std::string& name) {
  if (const auto link = TRY(os::find_link(machine.links, name))) {
    TRY_VOID(machine.links.apply({os::remove_link(link->index)}));
  }
  return os::remove_netns(name);
}

Result<> detach_uplink(MachineSockets& machine, const Options& options, int link) {
  const os::FilterPlace place{.link = link, .priority = options.priority, .handle = options.handle()};
  for (const auto& filter : TRY(os::read_filters(machine.links, link))) {
    if (filter.place == place && filter.name == kUplinkProgram) {
      TRY_VOID(machine.links.apply({os::remove_filter(place)}));
    }
  }
  Traces traces = TRY(Traces::read(traces_path(options)));
  if (!traces.hooks.contains(link)) return {};
  if (TRY(os::read_hooks(machine.links, link)) == os::Hooks::Empty) {
    TRY_VOID(machine.links.apply({os::remove_hooks(link)}));
  }
  traces.hooks.erase(link);
  return traces.write(traces_path(options));
}

Result<> remove_guard(MachineSockets& machine, const Options& options) {
  if (!TRY(os::read_nft_table(machine.netns, options.table, Guard::kChain))) return {};
  return os::run_nft(machine.netns, nft_without(options.table));
}

// What others reserve stays; what of ours they reserve as well is ours to free.
Result<> reserve(MachineSockets& machine, const Options& options, const PortSet& ports) {
  Traces traces = TRY(Traces::read(traces_path(options)));
  const auto now = TRY(read_reserved(machine));
  const PortSet others = now.without(traces.reserved);
  const PortSet ours = ports.without(others);
  // First on the list of what has to be undone.
  traces.reserved = traces.reserved.with(ours);
  TRY_VOID(traces.write(traces_path(options)));
  TRY_VOID(os::write_sysctl(machine.netns, kReservedPorts, others.with(ours).text() + "\n"));
  traces.reserved = ours;
  return traces.write(traces_path(options));
}

Result<> apply(MachineSockets& machine, const Programs& programs, const Options& options, const Step& step) {
  struct Apply {
    MachineSockets& machine;
    const Programs& programs;
    const Options& options;
    Result<> operator()(const RemoveStray& s) { return remove_stray(machine, s.name); }
    Result<> operator()(const CreateGateway& s) { return create_gateway(machine, programs, options, s.gateway); }
    Result<> operator()(const Tighten& s) { return tighten(machine, programs, s); }
    Result<> operator()(const Remember& s) {
      const int link = TRY(os::link_index(machine.links, s.machine_device));
      return machine.links.apply({os::change_link({.index = link, .alias = s.alias})});
    }
    Result<> operator()(const Rewire& s) { return rewire(machine, s); }
    Result<> operator()(const SetRules& s) { return set_rules(s); }
    Result<> operator()(const SetGuard& s) { return set_guard(machine, options, s.guard); }
    Result<> operator()(const RemoveGuard&) { return remove_guard(machine, options); }
    Result<> operator()(const Reserve& s) { return reserve(machine, options, s.ports); }
    Result<> operator()(const FillBorder& s) { return fill_border(machine, programs, options, s.put); }
    Result<> operator()(const ClearBorder& s) { return programs.clear(s.remove); }
    Result<> operator()(const AttachUplink& s) { return attach_uplink(machine, programs, options, s.link); }
    Result<> operator()(const DetachUplink& s) { return detach_uplink(machine, options, s.link); }
    Result<> operator()(const TranslateCalls&) { return programs.translate_calls(TRY(open_cgroup(options))); }
    Result<> operator()(const RemoveGateway& s) { return remove_gateway(machine, s); }
  };
  return std::visit(Apply{machine, programs, options}, step).within(text_of(step));
}

}  // namespace weft::gateway
