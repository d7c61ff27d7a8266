// For system tests: a data path on real namespaces, with a VPC and workloads.
#pragma once

#include <gtest/gtest.h>

#include "base/rng.h"
#include "datapath/datapath.h"
#include "model/testing.h"
#include "os/bpffs.h"
#include "os/clock.h"
#include "os/isolated.h"
#include "os/netns.h"
#include "os/process.h"

namespace weft::datapath {

using model::Direction;
using net::Address;
using net::Prefix;

class DatapathTest : public os::Isolated {
 protected:
  void SetUp() override {
    Isolated::SetUp();
    const auto mounted = os::mount_bpffs("/run/bpf");
    ASSERT_TRUE(mounted.ok()) << mounted.error().what;
    open();
    apply(model::with_border({.id = vpc_,
                              .name = "v",
                              .cidrs = {*Prefix::parse("10.0.0.0/16")},
                              .cidr6 = *Prefix::parse("fd12:3456:789a::/56"),
                              .default_group = default_group_}) +
          std::vector<model::Object>{model::Group{.id = default_group_, .name = "default", .vpc = vpc_},
                                     model::Subnet{.id = subnet_,
                                                   .name = "s",
                                                   .vpc = vpc_,
                                                   .cidr = *Prefix::parse("10.0.1.0/24"),
                                                   .cidr6 = *Prefix::parse("fd12:3456:789a:1::/64")},
                                     model::Machine{.id = machine_, .name = "m"}});
  }
  void TearDown() override {
    datapath_.reset();
    EXPECT_TRUE(Datapath::remove_all(options()).ok());
    EXPECT_TRUE(os::unmount_bpffs("/run/bpf").ok());
  }

  Datapath::Options options() {
    return {.names = {},
            .pins = "/run/bpf/weft",
            .self = machine_,
            .most_flows = most_flows_,
            .most_tnis = most_tnis_,
            .most_heard = most_heard_};
  }
  void open() {
    auto opened = Datapath::open(options());
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    datapath_ = std::move(*opened);
  }
  template <class Id>
  Id id() {
    return Id::make(rng_);
  }

  // Problems are expected.
  void carry_out(const model::Command& command) {
    auto changes = state_.apply(command);
    ASSERT_TRUE(changes.ok()) << changes.error().what;
    datapath_->update(state_, *changes, clocks());
  }
  void run(const model::Command& command) {
    carry_out(command);
    for (const auto& [what, why] : datapath_->problems()) ADD_FAILURE() << what << ": " << why;
  }
  void apply(std::vector<model::Object> objects) {
    model::Command command;
    for (auto& object : objects) command.operations.emplace_back(model::Put{std::move(object)});
    run(command);
  }
  model::TniId workload(const std::string& name, const std::string& ip, model::GroupId group) {
    const auto w = id<model::WorkloadId>();
    const auto t = id<model::TniId>();
    const Address address = *Address::parse(ip);
    const auto last = static_cast<uint8_t>(address.v4_host_order());
    apply({model::Workload{.id = w, .name = name, .machine = machine_, .kind = model::WorkloadKind::External},
           model::Tni{.id = t,
                      .name = name,
                      .vpc = vpc_,
                      .subnet = subnet_,
                      .mac = {{2, 0, 0, 0, 1, last}},
                      .ip = address,
                      .ip6 = *Address::parse("fd12:3456:789a:1::" + std::to_string(last)),
                      .groups = {group},
                      .machine = machine_,
                      .workload = w}});
    return t;
  }
  // The TNI as it is when it is detached, and when it is attached once more.
  model::Tni detached(const model::TniId& id) {
    model::Tni tni = state_.get(id);
    tni.workload = {};
    return tni;
  }
  model::Tni attached(const model::TniId& id, const model::WorkloadId& to) {
    model::Tni tni = state_.get(id);
    tni.workload = to;
    ++tni.epoch;
    return tni;
  }
  // All of the state, as the first update of a new daemon has it.
  void tell_all() {
    datapath_->update(state_, state_.everything(), clocks());
    for (const auto& [what, why] : datapath_->problems()) ADD_FAILURE() << what << ": " << why;
  }
  ClockPair clocks() const { return {os::now_wall() + later_, os::now_boot() + later_}; }

  os::Fd netns_of(const model::TniId& tni) {
    auto netns = os::open_netns(Names{}.netns_of(state_.get(tni).workload));
    EXPECT_TRUE(netns.ok());
    return std::move(*netns);
  }
  static int in(const os::Fd& netns, std::vector<std::string> argv) {
    const auto done =
        os::run_program({.argv = std::move(argv), .netns = &netns}, {.deadline = std::chrono::seconds(20)});
    return done.ok() ? done->status : -1;
  }
  int in(const model::TniId& tni, std::vector<std::string> argv) { return in(netns_of(tni), std::move(argv)); }
  bool pings(const model::TniId& from, const std::string& to) { return in(from, {"ping", "-c1", "-W1", to}) == 0; }
  model::RuleId allow(model::GroupId group, Direction direction, const std::string& traffic, model::Peer peer) {
    const auto rule = id<model::RuleId>();
    apply({model::Rule{.id = rule,
                       .group = group,
                       .direction = direction,
                       .traffic = *model::Traffic::parse(traffic),
                       .peer = std::move(peer)}});
    return rule;
  }

  base::Rng rng_{7};
  model::State state_;
  model::MachineId machine_ = id<model::MachineId>();
  size_t most_heard_ = 1024;
  uint32_t most_flows_ = 4096;
  uint32_t most_tnis_ = abi::MOST_TNIS;
  model::VpcId vpc_ = id<model::VpcId>();
  model::SubnetId subnet_ = id<model::SubnetId>();
  model::GroupId default_group_ = id<model::GroupId>();
  std::unique_ptr<Datapath> datapath_;
  base::Duration later_{0};  // than it is
};

}  // namespace weft::datapath
