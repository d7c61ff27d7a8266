// For system tests: a machine and its surroundings, made of namespaces.
//
//   outside 198.51.100.7 ---- router ---- 192.0.2.10 eth0 machine | instance ---- web, safe
//
// The machine is the process's own namespace. `instance` stands in for the data
// path: plain routing, no judgement.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include "gateway/calls.h"
#include "gateway/gateways.h"
#include "gateway/testing.h"
#include "os/bpffs.h"
#include "os/file.h"
#include "os/isolated.h"
#include "os/process.h"
#include "os/sysctl.h"

namespace weft::gateway::testing {

// The addresses of the rig, and what `web` publishes.
inline const std::string kOutside = "198.51.100.7", kOutside6 = "2001:db8:2::7";
inline const std::string kMachine = "192.0.2.10", kMachine6 = "2001:db8:1::10";
inline const std::string kInside = "10.0.1.10", kInside6 = "fd12:3456:789a:100::a";
inline const std::string kRouter = "10.0.1.1", kRouter6 = "fd12:3456:789a:100::1";

inline const std::vector<model::Publication> kPorts = {
    {.address = {}, .port = 8080, .target_port = 80, .protocol = model::kTcp},
    {.address = {}, .port = 5353, .target_port = 53, .protocol = model::kUdp},
};

class Rig : public os::Isolated {
 protected:
  void SetUp() override {
    os::Isolated::SetUp();
    machine_ = *os::current_netns();
    make_netns("router", router_);
    make_netns("outside", outside_);
    ip(machine_, "link set lo up");
    know_addresses_at_once(machine_);
    build_underlay();
    enter_cgroup();
    options_.pins = "/run/bpf/weft";
    options_.run = "/run/weft";
    options_.cgroup = cgroup_;
    options_.resolv_conf = "/run/resolv.conf";
    ASSERT_TRUE(os::mount_bpffs("/run/bpf").ok());
    ASSERT_TRUE(os::write_file_atomic(options_.resolv_conf, "nameserver 198.51.100.7\nnameserver 2001:db8:2::7\n", 0644,
                                      os::Durability::Cached)
                    .ok());
    build_inside();
  }

  void TearDown() override {
    gateways_.reset();
    const auto removed = Gateways::remove_all(options_);
    EXPECT_TRUE(removed.ok()) << removed.error().what;
    leave_cgroup();
    const auto names = os::list_netns("");
    for (const auto& name : *names) EXPECT_TRUE(os::remove_netns(name).ok());
    ip(machine_, "link del eth0");
    EXPECT_TRUE(os::unmount_bpffs("/run/bpf").ok());
    EXPECT_TRUE(os::remove_file(options_.resolv_conf).ok());
  }

  // The instance, `web` and `safe`; and the way between an instance and its gateways.
  virtual void build_inside() {
    make_netns("instance", instance_);
    make_netns("web", web_);
    make_netns("safe", safe_);
    build_workload("web", web_, 1, "10.0.1.10", "fd12:3456:789a:100::a");
    build_workload("safe", safe_, 2, "10.0.1.10", "");
  }
  virtual void connect_instance() {
    for (const auto& [vpc, index] : outcome_.devices) {
      ip(instance_, fmt::format("neigh replace 169.254.0.9 lladdr {1} dev gw{0}\n"
                                "neigh replace fe80::9 lladdr {1} dev gw{0}\n"
                                "route replace default via 169.254.0.9 dev gw{0} onlink table 20{0}\n"
                                "route replace default via fe80::9 dev gw{0} table 20{0}",
                                vpc == kShop ? 1 : 2, kGatewayMac.text()));
    }
  }

  static void make_netns(const std::string& name, os::Fd& netns) {
    auto made = os::create_netns(name);
    ASSERT_TRUE(made.ok()) << made.error().what;
    netns = std::move(*made);
    for (const char* setting : {"ipv4/ip_forward", "ipv6/conf/all/forwarding"}) {
      ASSERT_TRUE(os::write_sysctl(netns, setting, "1").ok());
    }
    know_addresses_at_once(netns);
  }

  static std::string run(const os::Fd& netns, std::vector<std::string> argv, const std::string& input = {}) {
    const auto outcome = os::run_program({.argv = std::move(argv), .netns = &netns}, {.input = input});
    return outcome.ok() ? outcome->output + outcome->errors : outcome.error().what;
  }
  // Each line is an `ip` command.
  static void ip(const os::Fd& netns, const std::string& lines) {
    EXPECT_EQ(run(netns, {"ip", "-batch", "-"}, lines), "") << lines;
  }

  // One turn, and the part of it that the data path would do.
  void reconcile(const model::State& state) {
    if (!gateways_) {
      auto opened = Gateways::open(options_, os::Fd(dup(instance_.get())));
      ASSERT_TRUE(opened.ok()) << opened.error().what;
      gateways_ = std::move(*opened);
    }
    auto outcome = gateways_->reconcile(state, kSelf);
    ASSERT_TRUE(outcome.ok()) << outcome.error().what;
    outcome_ = std::move(*outcome);
    connect_instance();
  }
  // A new weftd finds what the old one left.
  void restart() { gateways_.reset(); }
  Gateways& gateways() { return *gateways_; }
  std::vector<std::string> problems() const {
    std::vector<std::string> lines;
    for (const auto& problem : outcome_.problems) lines.push_back(problem.what);
    return lines;
  }

  Options options_;
  os::Fd machine_, router_, outside_, instance_, web_, safe_;
  Gateways::Outcome outcome_;

 private:
  void build_underlay() {
    ip(machine_, "link add eth0 type veth peer name uplink netns router");
    ip(outside_, "link add eth1 type veth peer name far netns router");
    ip(router_, "link set lo up");
    ip(router_,
       "addr add 192.0.2.1/24 dev uplink\naddr add 2001:db8:1::1/64 dev uplink nodad\n"
       "addr add 198.51.100.1/24 dev far\naddr add 2001:db8:2::1/64 dev far nodad\n"
       "link set uplink up\nlink set far up");
    ip(outside_,
       "link set lo up\naddr add 198.51.100.7/24 dev eth1\naddr add 2001:db8:2::7/64 dev eth1 nodad\n"
       "link set eth1 up\nroute add default via 198.51.100.1\nroute add default via 2001:db8:2::1");
    ip(machine_,
       "addr add 192.0.2.10/24 dev eth0\naddr add 2001:db8:1::10/64 dev eth0 nodad\nlink set eth0 up\n"
       "route add default via 192.0.2.1\nroute add default via 2001:db8:1::1");
  }

  // Nobody has a duplicate here; looking for one takes a second.
  static void know_addresses_at_once(const os::Fd& netns) {
    for (const char* setting : {"ipv6/conf/all/accept_dad", "ipv6/conf/default/accept_dad"}) {
      ASSERT_TRUE(os::write_sysctl(netns, setting, "0").ok());
    }
  }

  // VPCs overlap: what a device brings is routed by a table of its own.
  void build_workload(const std::string& name, const os::Fd& workload, int slot, const std::string& ip4,
                      const std::string& ip6) {
    ip(instance_,
       fmt::format("link set lo up\n"
                   "link add tni{0} address {1} type veth peer name eth0 address 02:00:00:00:00:10 netns {2}\n"
                   "link set tni{0} up\n"
                   "rule add iif gw{0} lookup 10{0}\nrule add iif tni{0} lookup 20{0}",
                   slot, kRouterMac.text(), name));
    EXPECT_EQ(run(instance_, {"ip", "-6", "-batch", "-"},
                  fmt::format("rule add iif gw{0} lookup 10{0}\nrule add iif tni{0} lookup 20{0}", slot)),
              "");
    ip(workload, fmt::format("link set lo up\naddr add {0}/32 dev eth0\nlink set eth0 mtu 1350\nlink set eth0 up\n"
                             "neigh add 169.254.0.1 lladdr {1} dev eth0\n"
                             "route add default via 169.254.0.1 dev eth0 onlink",
                             ip4, kRouterMac.text()));
    const auto to_workload = [&](const std::string& address) {
      ip(instance_,
         fmt::format("neigh add {1} lladdr 02:00:00:00:00:10 dev tni{0}\nroute add {1} dev tni{0} table 10{0}", slot,
                     address));
    };
    to_workload(ip4);
    if (ip6.empty()) return;
    ip(workload, fmt::format("addr add {0}/128 dev eth0 nodad\nneigh add fe80::1 lladdr {1} dev eth0\n"
                             "route add default via fe80::1 dev eth0",
                             ip6, kRouterMac.text()));
    to_workload(ip6);
  }

  // The programs that call published ports are this process: it gets a cgroup.
  void enter_cgroup() {
    const std::string mounts = *os::read_file("/proc/self/mounts", 1 << 20);
    const size_t at = mounts.find(" cgroup2 ");
    ASSERT_NE(at, std::string::npos) << "no cgroup2 is mounted";
    const size_t begin = mounts.rfind(' ', at - 1) + 1;
    root_ = mounts.substr(begin, at - begin);
    cgroup_ = root_ + "/weft-test-" + std::to_string(getpid());
    ASSERT_TRUE(os::make_directories(cgroup_, 0755).ok());
    move_to(cgroup_);
  }
  void leave_cgroup() {
    move_to(root_);
    EXPECT_EQ(rmdir(cgroup_.c_str()), 0) << strerror(errno);
  }
  static void move_to(const std::string& cgroup) {
    const os::Fd file(open((cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_TRUE(os::write_all(file.get(), "0").ok());
  }

  std::unique_ptr<Gateways> gateways_;
  std::string root_, cgroup_;
};

}  // namespace weft::gateway::testing
