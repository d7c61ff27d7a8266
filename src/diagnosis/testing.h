// A small world for the tests of this module: VPC "shop" with TNIs web, db and
// idle, the last attached to nothing, and VPC "lab" without a way out. The machine has
// the addresses 192.0.2.10 and 2001:db8:1::10, where web publishes port 8080.
#pragma once

#include <gtest/gtest.h>

#include "diagnosis/lines.h"
#include "diagnosis/surroundings.h"
#include "model/state.h"
#include "model/testing.h"

namespace weft::diagnosis {

inline net::Address address(const char* text) { return *net::Address::parse(text); }
inline net::Prefix prefix(const char* text) { return *net::Prefix::parse(text); }

struct World {
  model::MachineId machine{"m-0000000000000001"};
  model::VpcId shop{"vpc-0000000000000001"}, lab{"vpc-0000000000000002"};
  model::SubnetId subnet{"subnet-0000000000000001"}, lab_subnet{"subnet-0000000000000002"};
  model::GroupId front{"sg-0000000000000001"}, data{"sg-0000000000000002"}, lab_group{"sg-0000000000000003"};
  model::TniId web{"tni-0000000000000001"}, db{"tni-0000000000000002"}, idle{"tni-0000000000000003"},
      bench{"tni-0000000000000004"};
  model::WorkloadId web_workload{"w-0000000000000001"}, db_workload{"w-0000000000000002"},
      bench_workload{"w-0000000000000003"};
  base::WallTime now = *base::parse_time("2026-11-20T09:30:00Z");
  model::State state;
  Surroundings around;

  World() {
    around.machine = {address("192.0.2.10"), address("2001:db8:1::10")};
    around.gateways[shop] = {.shared = address("192.0.2.10"), .routed = {}, .resolves = {net::Family::V4}};
    around.gateways[lab] = {.shared = {}, .routed = {}, .resolves = {net::Family::V4}};
    for (const auto* inside : {"10.0.1.4", "fd00:1::4"}) publish(shop, 8080, inside, 80);

    put(model::with_border({.id = shop,
                            .name = "shop",
                            .cidrs = {prefix("10.0.0.0/16")},
                            .cidr6 = prefix("fd00:1::/56"),
                            .default_group = front,
                            .internet = model::Internet::Attached}) +
        model::with_border({.id = lab, .name = "lab", .cidrs = {prefix("10.0.0.0/16")}, .default_group = lab_group}) +
        std::vector<model::Object>{
            model::Machine{.id = machine, .name = "alpha"}, model::Group{.id = front, .name = "front", .vpc = shop},
            model::Group{.id = data, .name = "data", .vpc = shop},
            model::Group{.id = lab_group, .name = "lab", .vpc = lab},
            model::Subnet{.id = subnet,
                          .name = "main",
                          .vpc = shop,
                          .cidr = prefix("10.0.1.0/24"),
                          .cidr6 = prefix("fd00:1::/64")},
            model::Subnet{.id = lab_subnet, .name = "main", .vpc = lab, .cidr = prefix("10.0.1.0/24")},
            model::Workload{.id = web_workload,
                            .name = "web",
                            .machine = machine,
                            .command = {"web"},
                            .publish = {{.port = 8080, .target_port = 80}}},
            model::Workload{.id = db_workload, .name = "db", .machine = machine, .command = {"db"}},
            model::Workload{.id = bench_workload, .name = "bench", .machine = machine, .command = {"bench"}},
            tni(web, "web", "10.0.1.4", "fd00:1::4", front, web_workload),
            tni(db, "db", "10.0.1.5", "fd00:1::5", data, db_workload), tni(idle, "idle", "10.0.1.6", nullptr, data, {}),
            model::Tni{.id = bench,
                       .name = "bench",
                       .vpc = lab,
                       .subnet = lab_subnet,
                       .mac = {{2, 0, 0, 0, 0, 9}},
                       .ip = address("10.0.1.4"),
                       .groups = {lab_group},
                       .machine = machine,
                       .workload = bench_workload}});
  }

  // A gateway, and the routes to it.
  void open_to_outside(const model::VpcId& id) {
    model::Vpc vpc = state.get(id);
    vpc.internet = model::Internet::Attached;
    std::vector<model::Object> objects = {vpc};
    for (const net::Family family : {net::Family::V4, net::Family::V6}) {
      objects.emplace_back(model::Route{.id = model::RouteId::of(0x900 + objects.size()),
                                        .table = vpc.main_table,
                                        .destination = net::Prefix::any(family),
                                        .target = model::Way::Internet});
    }
    put(std::move(objects));
  }
  void put(std::vector<model::Object> objects) {
    model::Command command{.at = now};
    for (auto& object : objects) command.operations.emplace_back(model::Put{std::move(object)});
    run(command);
  }
  void remove(model::AnyId id) { run({.at = now, .operations = {model::Remove{std::move(id)}}}); }
  void run(const model::Command& command) {
    const auto changes = state.apply(command);
    ASSERT_TRUE(changes.ok()) << changes.error().what;
  }
  void publish(const model::VpcId& vpc, uint16_t port, const char* inside, uint16_t inside_port) {
    around.doors.push_back({.vpc = vpc,
                            .family = address(inside).family(),
                            .address = {},
                            .port = port,
                            .protocol = model::kTcp,
                            .target = address(inside),
                            .target_port = inside_port});
  }
  // Numbered, so that the tests can name it.
  model::RuleId allow(uint64_t number, model::GroupId group, model::Direction direction, const char* traffic,
                      model::Peer peer, const char* description = "") {
    const auto id = model::RuleId::of(number);
    put({model::Rule{.id = id,
                     .group = group,
                     .direction = direction,
                     .traffic = *model::Traffic::parse(traffic),
                     .peer = std::move(peer),
                     .description = description}});
    return id;
  }

 private:
  model::Tni tni(model::TniId id, const char* name, const char* ip, const char* ip6, model::GroupId group,
                 model::WorkloadId workload) {
    return {.id = id,
            .name = name,
            .vpc = shop,
            .subnet = subnet,
            .mac = {{2, 0, 0, 0, 0, static_cast<uint8_t>(id.text.back() - '0')}},
            .ip = address(ip),
            .ip6 = ip6 == nullptr ? std::nullopt : std::optional(address(ip6)),
            .groups = {group},
            .machine = machine,
            .workload = workload};
  }
};

// A disk that can be full.
struct Disk {
  std::string text;
  std::string fault;
};
class FakeLines : public Lines {
 public:
  explicit FakeLines(Disk& disk) : disk_(disk) {}
  Result<> append(std::string_view lines) override {
    if (!disk_.fault.empty()) return error(base::Code::Failed, "{}", disk_.fault);
    disk_.text += lines;
    return {};
  }

 private:
  Disk& disk_;
};

}  // namespace weft::diagnosis
