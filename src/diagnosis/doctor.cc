#include "diagnosis/doctor.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.h"
#include "datapath/interface.h"

namespace weft::diagnosis {

namespace {

using api::Check;
using api::Health;

constexpr unsigned kOldestMajor = 6, kOldestMinor = 1;  // Debian 12's
constexpr unsigned kTunnelMtu = 1430;                   // what a TNI's packet takes between machines
constexpr uint64_t kLittleSpace = 256 << 20, kNoSpace = 16 << 20;
constexpr uint64_t kFewFiles = 1000;
constexpr uint64_t kManyOpenFiles = 16'384;  // 5,000 workloads, three each
// A clock that is before this program was written has never been set.
constexpr int64_t kProgramYear = 2026;

struct Release {
  unsigned major = 0, minor = 0;
  auto operator<=>(const Release&) const = default;
};
Release parse_release(std::string_view text) {
  Release release;
  const char* end = text.data() + text.size();
  const auto [dot, fault] = std::from_chars(text.data(), end, release.major);
  if (fault != std::errc{} || dot == end || *dot != '.') return {};
  std::from_chars(dot + 1, end, release.minor);
  return release;
}

Check check_kernel(const MachineFacts& facts) {
  const bool old = parse_release(facts.kernel) < Release{kOldestMajor, kOldestMinor};
  if (!old) return {"kernel", Health::Good, "Linux " + facts.kernel, ""};
  return {"kernel", Health::Warning,
          fmt::format("Linux {} is older than {}.{}", facts.kernel, kOldestMajor, kOldestMinor),
          "Weft is tested from Debian 12's kernel on; take that one or a newer one"};
}

Check check_features(const MachineFacts& facts) {
  std::vector<std::string> missing;
  for (const auto& [name, found] : facts.features) {
    if (found == Found::No) missing.push_back(name);
  }
  if (!missing.empty()) {
    return {"data path", Health::Bad, fmt::format("the kernel lacks {}", fmt::join(missing, ", ")),
            "take a kernel with CONFIG_BPF_SYSCALL, CONFIG_NET_CLS_ACT, CONFIG_NET_SCH_INGRESS and CONFIG_VETH"};
  }
  if (facts.btf == Found::No) {
    return {"data path", Health::Warning, "the kernel does not describe its types (BTF)",
            "take a kernel with CONFIG_DEBUG_INFO_BTF if the data path does not load"};
  }
  return {"data path", Health::Good, "the kernel has all that it is made of", ""};
}

Check check_bpffs(const DoctorOptions& options, const MachineFacts& facts) {
  if (facts.bpffs == Found::Yes) return {"pins", Health::Good, options.pins + " is in a bpffs", ""};
  return {"pins", Health::Bad, options.pins + " is in no bpffs: the data path would end with weftd",
          "restart weftd, which mounts one, or: mount -t bpf bpf " + options.pins};
}

Check check_cgroups(const MachineFacts& facts) {
  if (facts.cgroups.version == 0) {
    return {"cgroups", Health::Bad, "no cgroup hierarchy is mounted: no limit can be set",
            "mount -t cgroup2 none /sys/fs/cgroup"};
  }
  std::vector<std::string> missing;
  for (const char* controller : {"memory", "cpu", "pids"}) {
    if (!facts.cgroups.controllers.contains(controller)) missing.push_back(controller);
  }
  if (missing.empty()) {
    return {"cgroups", Health::Good, fmt::format("version {} with memory, cpu and pids", facts.cgroups.version), ""};
  }
  return {"cgroups", Health::Warning,
          fmt::format("version {} without {}: a workload with such a limit is refused", facts.cgroups.version,
                      fmt::join(missing, ", ")),
          "enable the controllers (kernel parameter cgroup_enable=memory, or the parent's cgroup.subtree_control)"};
}

Check check_programs(const MachineFacts& facts) {
  if (facts.missing_programs.empty()) return {"programs", Health::Good, "all that weftd runs is installed", ""};
  return {"programs", Health::Bad, fmt::format("not found: {}", fmt::join(facts.missing_programs, ", ")),
          "apt-get install nftables"};
}

Check check_firewalls(const MachineFacts& facts) {
  if (facts.firewalls.empty()) return {"firewalls", Health::Good, "no rules of others", ""};
  std::vector<std::string> tables;
  bool drops = false;
  for (const Firewall& firewall : facts.firewalls) {
    tables.push_back(firewall.table);
    drops = drops || firewall.drops_forwarded == Found::Yes;
  }
  std::string what = fmt::format("rules of others: {}", fmt::join(tables, ", "));
  if (drops) what += "; they drop what is forwarded, which does not concern workloads";
  return {"firewalls", Health::Good, what, "published ports are governed by Weft's groups, not by these rules"};
}

Check check_uplink(const MachineFacts& facts) {
  if (facts.uplink.empty()) {
    return {"uplink", Health::Warning, "the machine has no default route: workloads reach nothing outside", ""};
  }
  if (!facts.uplink_programs.empty()) {
    return {"uplink", Health::Warning,
            fmt::format("programs of others stand at {}: {}", facts.uplink, fmt::join(facts.uplink_programs, ", ")),
            "if published ports don't answer, look whether these programs take their packets"};
  }
  return {"uplink", Health::Good, facts.uplink + " has the default route", ""};
}

Check check_mtu(const MachineFacts& facts) {
  if (facts.uplink.empty()) return {"MTU", Health::Good, "there is no uplink to compare with", ""};
  const std::string what =
      fmt::format("{} carries {} bytes, an interface of Weft {}", facts.uplink, facts.uplink_mtu, datapath::kMtu);
  if (facts.uplink_mtu < datapath::kMtu) {
    return {"MTU", Health::Warning, what,
            "workloads depend on path MTU discovery: a router that drops ICMP stalls them"};
  }
  if (facts.uplink_mtu < kTunnelMtu) {
    return {"MTU", Health::Warning, what, "a tunnel between machines would have to fragment"};
  }
  return {"MTU", Health::Good, what, ""};
}

Check check_resolvers(const DoctorOptions& options, const MachineFacts& facts) {
  std::vector<std::string> usable;
  std::set<net::Family> families;
  for (const net::Address& resolver : facts.resolvers) {
    if (resolver.is_loopback()) continue;
    usable.push_back(resolver.text());
    families.insert(resolver.family());
  }
  if (!usable.empty()) {
    std::string what = fmt::format("{}", fmt::join(usable, ", "));
    if (families.size() == 1) {
      // Translation doesn't cross families.
      what += fmt::format("; the machine has no {0} name server, so resolvers refuse what asks them over {0}",
                          families.contains(net::Family::V4) ? "IPv6" : "IPv4");
    }
    return {"resolvers", Health::Good, what, ""};
  }
  const std::string advice = "name a server in " + options.resolv_conf + " that answers on an address of its own";
  if (facts.resolvers.empty()) {
    return {"resolvers", Health::Warning, "the machine names no server: workloads resolve no name outside", advice};
  }
  return {"resolvers", Health::Warning,
          "the machine's server listens on the machine's loopback only: workloads can't ask it", advice};
}

using Ports = std::pair<uint16_t, uint16_t>;  // both included
std::vector<Ports> parse_ports(std::string_view text) {
  std::vector<Ports> all;
  for (const std::string_view part : base::split(text, ',')) {
    const size_t gap = part.find_first_of("-\t ");
    const auto first = base::parse_number(base::trim(part.substr(0, gap)), 0, 65535);
    const auto last =
        gap == std::string_view::npos ? first : base::parse_number(base::trim(part.substr(gap + 1)), 0, 65535);
    if (first.ok() && last.ok()) all.emplace_back(static_cast<uint16_t>(*first), static_cast<uint16_t>(*last));
  }
  return all;
}

bool is_inside(uint32_t port, const std::vector<Ports>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Ports& range) { return range.first <= port && port <= range.second; });
}

Check check_ports(const DoctorOptions& options, const MachineFacts& facts) {
  const auto ours = parse_ports(options.gateway_ports), handed_out = parse_ports(facts.handed_out_ports);
  const auto reserved = parse_ports(facts.reserved_ports);
  const bool clash = std::any_of(ours.begin(), ours.end(), [&](const Ports& range) {
    for (uint32_t port = range.first; port <= range.second; ++port) {
      if (is_inside(port, handed_out) && !is_inside(port, reserved)) return true;
    }
    return false;
  });
  if (!clash) return {"ports", Health::Good, "the kernel hands out none of " + options.gateway_ports, ""};
  return {"ports", Health::Warning,
          fmt::format("the kernel may hand out ports of {}, from which VPCs send", options.gateway_ports),
          "add them to net.ipv4.ip_local_reserved_ports, or end net.ipv4.ip_local_port_range before them"};
}

Check check_state(const DoctorOptions& options, const MachineFacts& facts) {
  const std::string& where = options.state_directory;
  if (!facts.state_fault.empty()) {
    return {"state", Health::Bad, fmt::format("{} can't be written: {}", where, facts.state_fault),
            "changes are refused until it can; what runs goes on"};
  }
  const std::string what =
      fmt::format("{} has {} MB and {} files left", where, facts.state_free_bytes >> 20, facts.state_free_files);
  const std::string advice = "make room: with a full disk changes are refused";
  if (facts.state_free_bytes < kNoSpace || facts.state_free_files == 0) return {"state", Health::Bad, what, advice};
  if (facts.state_free_bytes < kLittleSpace || facts.state_free_files < kFewFiles) {
    return {"state", Health::Warning, what, advice};
  }
  return {"state", Health::Good, what, ""};
}

Check check_clock(const MachineFacts& facts) {
  const std::string now = base::format_time(facts.now);
  const std::string advice = "run a time service; rules that end (--for, --until) and records depend on the clock";
  if (facts.now < *base::parse_time(fmt::format("{}-01-01T00:00:00Z", kProgramYear))) {
    return {"clock", Health::Bad, "it says " + now + ", which is before this program was made", advice};
  }
  if (facts.clock_synchronised == Found::No) {
    return {"clock", Health::Warning, "it says " + now + ", and nothing keeps it right", advice};
  }
  return {"clock", Health::Good, "it is kept right", ""};
}

Check check_open_files(const MachineFacts& facts) {
  const std::string what = fmt::format("weftd may have {} open", facts.most_open_files);
  if (facts.most_open_files >= kManyOpenFiles) return {"open files", Health::Good, what, ""};
  return {
      "open files", Health::Warning, what,
      fmt::format("allow {} (LimitNOFILE= of its unit) for as many workloads as a machine may have", kManyOpenFiles)};
}

}  // namespace

std::vector<Check> diagnose(const DoctorOptions& options, const MachineFacts& facts) {
  return {check_kernel(facts),
          check_features(facts),
          check_bpffs(options, facts),
          check_cgroups(facts),
          check_programs(facts),
          check_firewalls(facts),
          check_uplink(facts),
          check_mtu(facts),
          check_resolvers(options, facts),
          check_ports(options, facts),
          check_state(options, facts),
          check_clock(facts),
          check_open_files(facts)};
}

}  // namespace weft::diagnosis
