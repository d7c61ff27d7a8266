#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include "base/text.h"
#include "diagnosis/doctor.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/netlink.h"
#include "os/netlink_link.h"
#include "os/netlink_route.h"
#include "os/netlink_tc.h"
#include "os/netns.h"
#include "os/process.h"
#include "os/sysctl.h"

namespace weft::diagnosis {

namespace {

constexpr size_t kMostText = 1 << 20;  // of a file that is read
constexpr size_t kTrial = 64 << 10;    // bytes that are written to see whether that works

Found found(bool condition) { return condition ? Found::Yes : Found::No; }

// What the file says, or nothing at all.
std::string read(const std::string& path) { return os::read_file(path, kMostText).value_or(std::string()); }

std::string kernel_release() {
  utsname name{};
  return uname(&name) == 0 ? name.release : "";
}

// Whether a namespace's links take what a TNI's links need. The namespace ends
// with the thread that made it.
struct LinkFeatures {
  Found clsact = Found::No, veth = Found::No;
};
Result<LinkFeatures> try_links() {
  if (unshare(CLONE_NEWNET) != 0) return base::errno_error("make a network namespace", errno);
  os::Netlink netlink = TRY(os::Netlink::open());
  LinkFeatures features;
  features.veth = found(netlink.apply({os::create_veth({.name = "a", .peer = {.name = "b"}})}).ok());
  features.clsact = found(netlink.apply({os::put_clsact(TRY(os::link_index(netlink, "lo")))}).ok());
  return features;
}
LinkFeatures link_features() {
  LinkFeatures features;
  std::thread([&] { features = try_links().value_or(LinkFeatures{}); }).join();
  return features;
}

std::vector<std::pair<std::string, Found>> features() {
  const auto helper = [](bpf_func_id id) {
    return found(libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, id, nullptr) == 1);
  };
  const auto map = [](bpf_map_type type) { return found(libbpf_probe_bpf_map_type(type, nullptr) == 1); };
  const LinkFeatures links = link_features();
  return {{"veth", links.veth},
          {"clsact", links.clsact},
          {"bpf_redirect_peer", helper(BPF_FUNC_redirect_peer)},
          {"bpf_timer", helper(BPF_FUNC_timer_init)},
          {"bpf_loop", helper(BPF_FUNC_loop)},
          {"BPF ring buffers", map(BPF_MAP_TYPE_RINGBUF)},
          {"BPF prefix tables", map(BPF_MAP_TYPE_LPM_TRIE)}};
}

Found is_in_bpffs(const std::string& path) {
  struct statfs status {};
  return found(statfs(path.c_str(), &status) == 0 && static_cast<uint32_t>(status.f_type) == BPF_FS_MAGIC);
}

std::vector<std::string> missing_programs(const std::vector<std::string>& programs) {
  std::vector<std::string> missing;
  for (const std::string& program : programs) {
    if (!os::find_program(program).ok()) missing.push_back(program);
  }
  return missing;
}

std::vector<Firewall> firewalls(const std::string& own_prefix) {
  const auto chains = os::run_program({.argv = {"nft", "-j", "list", "chains"}}, {.deadline = std::chrono::seconds(5)});
  std::vector<Firewall> all;
  if (chains.ok() && chains->status == 0 && !chains->cut) all = parse_chains(chains->output, own_prefix);
  // Tables of the older kind, which nft doesn't show.
  for (const char* names : {"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"}) {
    const std::string text = read(names);
    for (const std::string_view name : base::split(text, '\n')) {
      if (!name.empty()) all.push_back({.table = fmt::format("iptables {}", name)});
    }
  }
  return all;
}

Result<> examine_uplink(const std::string& own_prefix, MachineFacts& facts) {
  os::Netlink netlink = TRY(os::Netlink::open());
  const auto routes = TRY(os::read_routes(netlink, os::kMainTable));
  const auto main = std::find_if(routes.begin(), routes.end(),
                                 [](const os::Route& route) { return route.to.length() == 0 && route.link != 0; });
  if (main == routes.end()) return {};
  for (const os::Link& link : TRY(os::read_links(netlink))) {
    if (link.index != main->link) continue;
    facts.uplink = link.name;
    facts.uplink_mtu = link.mtu;
  }
  for (const os::Filter& filter : TRY(os::read_filters(netlink, main->link))) {
    if (!filter.name.starts_with(own_prefix)) facts.uplink_programs.push_back(filter.name);
  }
  return {};
}

std::vector<net::Address> resolvers(const DoctorOptions& options) {
  const auto named = parse_name_servers(read(options.resolv_conf));
  const bool local = std::all_of(named.begin(), named.end(), [](const auto& server) { return server.is_loopback(); });
  if (!local) return named;
  const auto upstream = parse_name_servers(read(options.upstream_resolv_conf));
  return upstream.empty() ? named : upstream;
}

// Writes to a file without a name, which is gone when it is closed.
std::string write_fault(const std::string& directory) {
  const os::Fd file(open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!file.valid()) return base::errno_error("create a file", errno).what;
  const auto written = os::write_all(file.get(), std::string(kTrial, 'x'));
  return written.ok() ? std::string() : written.error().what;
}

void examine_state(const std::string& directory, MachineFacts& facts) {
  struct statvfs status {};
  if (statvfs(directory.c_str(), &status) != 0) {
    facts.state_fault = base::errno_error("examine it", errno).what;
    return;
  }
  facts.state_free_bytes = uint64_t{status.f_bavail} * status.f_frsize;
  // A file system without a table of files (btrfs) says 0 of 0.
  facts.state_free_files = status.f_files == 0 ? UINT64_MAX : status.f_favail;
  facts.state_fault = write_fault(directory);
}

Found is_clock_synchronised() {
  timex clock{};
  return found(adjtimex(&clock) != TIME_ERROR && (clock.status & STA_UNSYNC) == 0);
}

std::string sysctl(std::string_view name) {
  const auto here = os::current_netns();
  if (!here.ok()) return "";
  return std::string(base::trim(os::read_sysctl(*here, name).value_or("")));
}

uint64_t most_open_files() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace

MachineFacts examine(const DoctorOptions& options) {
  MachineFacts facts{.kernel = kernel_release(),
                     .features = features(),
                     .btf = found(access("/sys/kernel/btf/vmlinux", R_OK) == 0),
                     .bpffs = is_in_bpffs(options.pins),
                     .cgroups = parse_cgroups(read("/proc/mounts"), read("/sys/fs/cgroup/cgroup.controllers")),
                     .missing_programs = missing_programs(options.programs),
                     .firewalls = firewalls(options.prefix),
                     .resolvers = resolvers(options),
                     .handed_out_ports = sysctl("ipv4/ip_local_port_range"),
                     .reserved_ports = sysctl("ipv4/ip_local_reserved_ports"),
                     .now = os::now_wall(),
                     .clock_synchronised = is_clock_synchronised(),
                     .most_open_files = most_open_files()};
  // Without an answer of the kernel there is no uplink to speak of.
  static_cast<void>(examine_uplink(options.prefix, facts).ok());
  examine_state(options.state_directory, facts);
  return facts;
}

}  // namespace weft::diagnosis
