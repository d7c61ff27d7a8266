// A small world for tests: machine m with VPC `shop` (internet, IPv6), whose
// workload `web` publishes ports, and VPC `vault` without a gateway to anywhere.
#pragma once

#include <string>

#include "gateway/facts.h"
#include "model/state.h"
#include "model/testing.h"

namespace weft::gateway::testing {

inline net::Address address(const char* text) { return *net::Address::parse(text); }
inline net::Prefix prefix(const char* text) { return *net::Prefix::parse(text); }

inline const model::MachineId kSelf{"m-0000000000000001"};
inline const model::VpcId kShop{"vpc-0000000000000011"};
inline const model::VpcId kVault{"vpc-0000000000000022"};
inline const model::WorkloadId kWeb{"w-0000000000000011"};
inline const model::WorkloadId kSafe{"w-0000000000000022"};

struct World {
  std::vector<model::Publication> publish;
  bool machine_in_shop = false;
  bool closed = false;  // `web` serves, but nobody may ask
  model::Internet vault = model::Internet::None, shop = model::Internet::Attached;
  net::Prefix shop6 = prefix("fd12:3456:789a:100::/56");

  model::State state() const {
    using namespace model;
    std::vector<Object> objects =
        with_border({.id = kShop,
                     .name = "shop",
                     .cidrs = {prefix("10.0.0.0/16")},
                     .cidr6 = shop6,
                     .default_group = {"sg-0000000000000011"},
                     .internet = shop}) +
        with_border({.id = kVault,
                     .name = "vault",
                     .cidrs = {prefix("10.0.0.0/16")},
                     .cidr6 = {},
                     .default_group = {"sg-0000000000000022"},
                     .internet = vault}) +
        std::vector<Object>{
            model::Machine{.id = kSelf, .name = "here"},
            Group{.id = {"sg-0000000000000011"}, .name = "default", .vpc = kShop, .description = {}},
            Group{.id = {"sg-0000000000000022"}, .name = "default", .vpc = kVault, .description = {}},
            Subnet{.id = {"subnet-0000000000000011"},
                   .name = "front",
                   .vpc = kShop,
                   .cidr = prefix("10.0.1.0/24"),
                   .cidr6 = net::Prefix::of(shop6.first(), 64)},
            Subnet{.id = {"subnet-0000000000000022"},
                   .name = "safe",
                   .vpc = kVault,
                   .cidr = prefix("10.0.1.0/24"),
                   .cidr6 = {}},
            workload(kWeb, "web", publish),
            workload(kSafe, "safe", {}),
            tni("tni-0000000000000011", kShop, "subnet-0000000000000011", kWeb, address("10.0.1.10"),
                shop6.first().plus(10)),
            tni("tni-0000000000000022", kVault, "subnet-0000000000000022", kSafe, address("10.0.1.10"), {}),
        };
    if (machine_in_shop) {
      objects.push_back(Workload{.id = model::WorkloadId{"w-0000000000000033"},
                                 .name = "machine",
                                 .machine = kSelf,
                                 .kind = WorkloadKind::Machine});
      objects.push_back(tni("tni-0000000000000033", kShop, "subnet-0000000000000011",
                            model::WorkloadId{"w-0000000000000033"}, address("10.0.1.200"), {}));
    }
    for (const auto* group : {"sg-0000000000000011", "sg-0000000000000022"}) add_rules({group}, closed, objects);
    return State::of(std::move(objects));
  }

 private:
  // Everything out; in what `web` serves.
  static void add_rules(const model::GroupId& group, bool closed, std::vector<model::Object>& objects) {
    for (const net::Family family : {net::Family::V4, net::Family::V6}) {
      for (const auto& [direction, traffic] : {std::pair{model::Direction::Out, "all"},
                                               {model::Direction::In, closed ? "tcp:1" : "tcp:80"},
                                               {model::Direction::In, closed ? "udp:1" : "udp:53"}}) {
        objects.push_back(model::Rule{.id = {fmt::format("sgr-{:016x}", objects.size() + 1)},
                                      .group = group,
                                      .direction = direction,
                                      .traffic = *model::Traffic::parse(traffic),
                                      .peer = net::Prefix::any(family),
                                      .until = {},
                                      .description = {}});
      }
    }
  }
  static model::Workload workload(const model::WorkloadId& id, std::string name,
                                  std::vector<model::Publication> publish) {
    model::Workload made{.id = id, .name = std::move(name), .machine = kSelf};
    made.publish = std::move(publish);
    return made;
  }
  static model::Tni tni(std::string id, const model::VpcId& vpc, std::string subnet, const model::WorkloadId& workload,
                        const net::Address& ip, std::optional<net::Address> ip6) {
    model::Tni made{
        .id = {id}, .name = id, .vpc = vpc, .subnet = {std::move(subnet)}, .mac = {{2, 0, 0, 0, 0, 0x10}}, .ip = ip};
    made.ip6 = ip6;
    made.groups = {vpc == kShop ? model::GroupId{"sg-0000000000000011"} : model::GroupId{"sg-0000000000000022"}};
    made.machine = kSelf;
    made.workload = workload;
    return made;
  }
};

// eth0, with a way out in both families and a name server beyond.
inline MachineFacts facts() {
  MachineFacts facts;
  facts.links = {
      {.index = 2, .name = "eth0", .mtu = 1500, .addresses = {address("192.0.2.10"), address("2001:db8:1::10")}}};
  facts.defaults = {{net::Family::V4, 2, address("192.0.2.10")}, {net::Family::V6, 2, address("2001:db8:1::10")}};
  facts.resolvers = {{address("198.51.100.53"), 2, address("192.0.2.10")}};
  facts.addresses = facts.links[0].addresses;
  return facts;
}

}  // namespace weft::gateway::testing
