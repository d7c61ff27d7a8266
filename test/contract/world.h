// A small world to state a contract in: one machine, VPCs, subnets and groups by
// name. The default VPC of the tests is "shop", 10.20.0.0/16 and fd20::/56, with
// the subnet "app", 10.20.1.0/24 and fd20:0:0:1::/64.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/state.h"
#include "model/testing.h"
#include "model/verdict.h"

namespace weft::model {

inline net::Address address(std::string_view text) { return *net::Address::parse(text); }
inline net::Prefix prefix(std::string_view text) { return *net::Prefix::parse(text); }

// An id out of a word: the same word, the same id.
template <class Id>
Id id_named(std::string_view word) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const char c : word) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211u;
  base::Rng rng(hash);
  return Id::make(rng);
}

class World : public ::testing::Test {
 protected:
  World() {
    expect_accepted(Machine{.id = id_named<MachineId>("m"), .name = "m"});
    add_vpc("shop", {"10.20.0.0/16"}, "fd20::/56");
    expect_accepted(subnet("app", "10.20.1.0/24", "fd20:0:0:1::/64"));
  }

  Result<> put(std::vector<Object> objects, base::WallTime at = {}) {
    Command command{.at = at, .actor = "test", .operations = {}};
    for (Object& object : objects) command.operations.emplace_back(Put{std::move(object)});
    const auto done = state_.apply(command);
    if (!done.ok()) return done.error();
    return {};
  }
  Result<> remove(AnyId id, base::WallTime at = {}) {
    const auto done = state_.apply({.at = at, .actor = "test", .operations = {Remove{std::move(id)}}});
    if (!done.ok()) return done.error();
    return {};
  }
  void expect_accepted(Object object) {
    const auto done = put({std::move(object)});
    EXPECT_TRUE(done.ok()) << done.error().what;
  }
  struct Refusal {
    std::string what, holder;
  };
  // Refused with this code, on account of this field; nothing has changed.
  Refusal expect_refused(Object object, base::Code code, std::string_view field) {
    const auto before = state_.objects();
    const auto done = put({std::move(object)});
    EXPECT_FALSE(done.ok());
    EXPECT_EQ(state_.objects(), before);
    if (done.ok()) return {};
    EXPECT_EQ(done.error().code, code) << done.error().what;
    EXPECT_EQ(done.error().field, field) << done.error().what;
    return {.what = done.error().what, .holder = done.error().holder};
  }

  Vpc vpc(const std::string& name, const std::vector<std::string>& cidrs, const std::string& cidr6 = "") const {
    Vpc vpc{.id = id_named<VpcId>(name),
            .name = name,
            .cidrs = {},
            .cidr6 = {},
            .default_group = group_id(name, "default")};
    for (const std::string& cidr : cidrs) vpc.cidrs.push_back(prefix(cidr));
    if (!cidr6.empty()) vpc.cidr6 = prefix(cidr6);
    return vpc;
  }
  Group group(const std::string& of, const std::string& name) const {
    return {.id = group_id(of, name), .name = name, .vpc = id_named<VpcId>(of)};
  }
  static GroupId group_id(const std::string& of, const std::string& name) { return id_named<GroupId>(of + "/" + name); }
  Result<> try_vpc(const std::string& name, const std::vector<std::string>& cidrs, const std::string& cidr6 = "") {
    return put(with_border(vpc(name, cidrs, cidr6)) + std::vector<Object>{group(name, "default")});
  }
  void add_vpc(const std::string& name, const std::vector<std::string>& cidrs, const std::string& cidr6 = "") {
    const auto done = try_vpc(name, cidrs, cidr6);
    EXPECT_TRUE(done.ok()) << done.error().what;
  }
  Subnet subnet(const std::string& name, const std::string& cidr, const std::string& cidr6 = "",
                const std::string& of = "shop") const {
    Subnet subnet{.id = id_named<SubnetId>(of + "/" + name),
                  .name = name,
                  .vpc = id_named<VpcId>(of),
                  .cidr = prefix(cidr),
                  .cidr6 = {}};
    if (!cidr6.empty()) subnet.cidr6 = prefix(cidr6);
    return subnet;
  }
  Tni tni(const std::string& name, const std::string& ip, const std::string& in = "app",
          const std::string& of = "shop") const {
    return {.id = id_named<TniId>(of + "/" + name),
            .name = name,
            .vpc = id_named<VpcId>(of),
            .subnet = id_named<SubnetId>(of + "/" + in),
            .mac = {{2, 0, 0, 0, 0, 1}},
            .ip = address(ip),
            .groups = {group_id(of, "default")},
            .machine = id_named<MachineId>("m")};
  }
  Workload workload(const std::string& name) const {
    return {.id = id_named<WorkloadId>(name),
            .name = name,
            .machine = id_named<MachineId>("m"),
            .kind = WorkloadKind::External};
  }
  Tni attached(Tni tni, const std::string& to, uint32_t device = 0) const {
    tni.workload = id_named<WorkloadId>(to);
    tni.device = device;
    return tni;
  }
  Rule rule(uint64_t number, const std::string& of_group, Direction direction, const std::string& traffic,
            Peer peer) const {
    return {.id = RuleId::of(number),
            .group = group_id("shop", of_group),
            .direction = direction,
            .traffic = *Traffic::parse(traffic),
            .peer = std::move(peer)};
  }

  State state_;
};

}  // namespace weft::model
