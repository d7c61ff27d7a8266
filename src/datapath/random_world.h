// For tests: a small world at random, crowded on purpose. Few addresses that
// change hands, VPCs with equal ranges, prefixes inside each other, rules that
// expire, so that whatever can meet does meet.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "model/flow_judge.h"
#include "model/state.h"

namespace weft::datapath {

class RandomWorld {
 public:
  explicit RandomWorld(base::Rng& rng) : rng_(rng) {}

  // A command that the state may well refuse.
  model::Command command(const model::State& state, base::WallTime now) {
    model::Command command{.at = now, .actor = "test", .operations = {}};
    const uint64_t v = rng_.below(kVpcs);
    if (state.find(vpc_id(v)) == nullptr) {
      found_vpc(v, command.operations);
      return command;
    }
    const uint64_t dice = rng_.below(1000);
    if (dice < 5) {
      empty_vpc(state, v, command.operations);
    } else if (dice < 60) {
      change_vpc(state, v, command.operations);
    } else if (dice < 120) {
      put(command, group(v, rng_.below(kGroups)));
    } else if (dice < 450) {
      put(command, rule(v, now));
    } else if (dice < 560) {
      remove(command, rule_id(v, rng_.below(kRules)));
    } else if (dice < 620) {
      put(command, prefix_list());
    } else if (dice < 630) {
      remove(command, model::PrefixListId{name("pl", 1 + rng_.below(kLists))});
    } else if (dice < 650) {
      remove(command, tni_id(v, rng_.below(kTnis)));
    } else if (dice < 820) {
      change_border(state, v, command);
    } else {
      put(command, tni(state, v, rng_.below(kTnis)));
    }
    if (rng_.one_in(8)) put(command, rule(v, now));
    if (rng_.one_in(30)) pile(command, rule(v, now), v, now);
    return command;
  }
  // One is detached, and another one attached.
  model::Command hand_over(const model::State& state) {
    model::Command command;
    std::vector<model::Tni> attached, detached;
    for (const auto& [id, tni] : state.all<model::Tni>()) (tni.workload.empty() ? detached : attached).push_back(tni);
    if (attached.empty() || detached.empty()) return command;
    model::Tni goes = pick(attached), comes = pick(detached);
    goes.workload = {};
    comes.workload = model::WorkloadId{"w" + comes.id.text.substr(comes.id.text.find('-'))};
    ++comes.epoch;
    put(command, goes);
    put(command, comes);
    return command;
  }
  // Everything goes, a command for each VPC.
  model::Command end_of(const model::State& state, uint64_t v) {
    model::Command command;
    empty_vpc(state, v, command.operations);
    return command;
  }

  // What a TNI of the state, or the outside, might send. Nothing while no TNI is
  // attached.
  std::optional<model::Packet> packet(const model::State& state) {
    std::vector<const model::Tni*> attached;
    for (const auto& [id, tni] : state.all<model::Tni>()) {
      if (!tni.workload.empty()) attached.push_back(&tni);
    }
    if (attached.empty()) return std::nullopt;
    const model::Tni& near = *pick(attached);
    std::vector<const model::Tni*> beside;
    for (const model::Tni* tni : attached) {
      if (tni->vpc == near.vpc) beside.push_back(tni);
    }
    model::Packet packet{.vpc = near.vpc};
    net::Address here = pick(near.addresses());
    if (rng_.one_in(12)) here = some_address();
    // What stands between others speaks for them.
    if (near.source_check == model::SourceCheck::Off && rng_.one_in(2)) here = pick(pick(beside)->addresses());
    net::Address there = pick(pick(beside)->addresses());
    if (rng_.one_in(12)) there = nobody(here.family());
    const uint64_t dice = rng_.below(100);
    if (dice < 12) there = outside(here.family());
    if (dice >= 12 && dice < 20) there = resolver(state, near);
    if (dice >= 20 && dice < 26) there = some_address();
    if (here.family() != there.family() && !rng_.one_in(50)) there = pick(pick(beside)->addresses());
    packet.sender = near.id;
    packet.source.address = here;
    packet.target.address = there;
    if (rng_.one_in(7)) {
      packet.sender = {};
      packet.source.address = rng_.one_in(4) ? pick(pick(beside)->addresses()) : outside(here.family());
      packet.target.address = rng_.one_in(12) ? outside(here.family()) : here;
    }
    fill_traffic(packet);
    if (dice >= 12 && dice < 20 && !rng_.one_in(4)) {
      packet.protocol = model::kUdp;
      packet.icmp = model::IcmpKind::None;
      packet.source.port = 40000;
      packet.target.port = packet.selector = 53;
      packet.tcp = {};
    }
    return packet;
  }
  // Every rule of the groups of whoever holds the address.
  static std::vector<model::Rule> rules_of(const model::State& state, const model::VpcId& vpc,
                                           const net::Address& address) {
    std::vector<model::Rule> rules;
    const model::Tni* tni = state.holder_of(vpc, address);
    if (tni == nullptr) return rules;
    for (const model::GroupId& group : tni->groups) {
      for (const model::RuleId& id : state.rules_of(group)) rules.push_back(state.get(id));
    }
    return rules;
  }
  // An answer to it, or more of the same.
  // `receiver` got it.
  model::Packet next_of(const model::State& state, const model::Packet& packet, const model::TniId& receiver) {
    model::Packet next = packet;
    next.inner.reset();
    if (packet.protocol == model::kTcp) next.tcp = tcp_flags();
    if (packet.sender.empty() || state.find(packet.sender) == nullptr || rng_.one_in(2)) {
      std::swap(next.source, next.target);
      const model::Tni* holder = state.holder_of(packet.vpc, next.source.address);
      next.sender = holder == nullptr ? model::TniId{} : holder->id;
      if (state.find(receiver) != nullptr && !rng_.one_in(4)) next.sender = receiver;
      if (packet.icmp == model::IcmpKind::None && model::has_ports(packet.protocol)) next.selector = next.target.port;
    }
    if (packet.icmp == model::IcmpKind::Request || packet.icmp == model::IcmpKind::Reply) {
      set_echo(next, rng_.one_in(4) ? packet.icmp : other_kind(packet.icmp));
    }
    if (rng_.one_in(12)) {
      make_error(state, packet, next);
      if (state.find(receiver) != nullptr && rng_.one_in(2)) next.sender = receiver;
      return next;
    }
    // On the other side of what stands between.
    const model::Tni* by = state.find(receiver);
    if (by != nullptr && by->source_check == model::SourceCheck::Off && rng_.one_in(4)) {
      next = packet;
      next.sender = receiver;
    }
    return next;
  }
  // Whether somebody could send it: its VPC is there, its sender attached.
  static bool can_be_sent(const model::State& state, const model::Packet& packet) {
    if (state.find(packet.vpc) == nullptr) return false;
    if (packet.sender.empty()) return true;
    const model::Tni* tni = state.find(packet.sender);
    return tni != nullptr && tni->vpc == packet.vpc && !tni->workload.empty();
  }

  // Inside of the VPCs or outside.
  net::Address any_address() {
    return rng_.one_in(2) ? some_address() : outside(rng_.one_in(2) ? net::Family::V4 : net::Family::V6);
  }

  // By which others know the machine.
  static std::set<net::Address> machine() { return {address("192.0.2.6"), address("2001:db8::6")}; }

  static constexpr uint64_t kVpcs = 3, kGroups = 4, kRules = 28, kLists = 2, kTnis = 6;
  static constexpr uint64_t kTables = 3, kRoutes = 12, kAcls = 3, kAclRules = 10;
  static model::VpcId vpc_id(uint64_t v) { return {name("vpc", 1 + v)}; }

 private:
  static std::string name(const std::string& prefix, uint64_t number) { return prefix + "-" + base::hex64(number); }
  static model::SubnetId subnet_id(uint64_t v, uint64_t n) { return {name("subnet", 1 + v * 16 + n)}; }
  static model::GroupId group_id(uint64_t v, uint64_t n) { return {name("sg", 1 + v * 16 + n)}; }
  static model::RuleId rule_id(uint64_t v, uint64_t n) { return model::RuleId::of(1 + n * kVpcs + v); }
  static model::RouteTableId table_id(uint64_t v, uint64_t n) { return {name("rtb", 1 + v * 16 + n)}; }
  static model::RouteId route_id(uint64_t v, uint64_t n) { return {name("route", 1 + v * 64 + n)}; }
  static model::AclId acl_id(uint64_t v, uint64_t n) { return {name("acl", 1 + v * 16 + n)}; }
  static model::AclRuleId acl_rule_id(uint64_t v, uint64_t n) { return model::AclRuleId::of(1 + v * 64 + n); }
  static model::TniId tni_id(uint64_t v, uint64_t n) { return {name("tni", 1 + v * 16 + n)}; }
  static model::WorkloadId workload_id(uint64_t v, uint64_t n) { return {name("w", 1 + v * 16 + n)}; }
  static net::Prefix prefix(const char* text) { return *net::Prefix::parse(text); }
  static net::Address address(const char* text) { return *net::Address::parse(text); }

  template <class T>
  T pick(const std::vector<T>& list) {
    return list[rng_.below(list.size())];
  }
  static void put(model::Command& command, model::Object object) {
    command.operations.emplace_back(model::Put{std::move(object)});
  }
  static void remove(model::Command& command, model::AnyId id) {
    command.operations.emplace_back(model::Remove{std::move(id)});
  }

  // The first two VPCs have the same ranges. The IPv6 addresses of the last leave as they are.
  static model::Vpc vpc(uint64_t v) {
    return {.id = vpc_id(v),
            .name = "v" + std::to_string(v),
            .cidrs = {prefix(v < 2 ? "10.0.0.0/16" : "10.1.0.0/16")},
            .cidr6 = prefix((range6(v) + "::/56").c_str()),
            .default_group = group_id(v, 0),
            .main_table = table_id(v, 0),
            .default_acl = acl_id(v, 0),
            .internet = v == 0 ? model::Internet::None : model::Internet::Attached};
  }
  static std::string range6(uint64_t v) { return v < 2 ? "fd00:1" : "2001:db8:1"; }
  void found_vpc(uint64_t v, std::vector<model::Operation>& operations) {
    const model::MachineId machine{name("m", 1)};
    operations.emplace_back(model::Put{model::Machine{.id = machine, .name = "m"}});
    operations.emplace_back(model::Put{vpc(v)});
    for (uint64_t n = 0; n < kGroups; ++n) operations.emplace_back(model::Put{group(v, n)});
    for (uint64_t n = 0; n < kTables; ++n) {
      operations.emplace_back(
          model::Put{model::RouteTable{.id = table_id(v, n), .name = "t" + std::to_string(n), .vpc = vpc_id(v)}});
      for (uint64_t m = 0; v != 0 && m < 2; ++m) {
        const auto family = m == 0 ? net::Family::V4 : net::Family::V6;
        operations.emplace_back(model::Put{model::Route{.id = route_id(v, kRoutes + 2 * n + m),
                                                        .table = table_id(v, n),
                                                        .destination = net::Prefix::any(family),
                                                        .target = model::Way::Internet}});
      }
    }
    for (uint64_t n = 0; n < kAcls; ++n) {
      operations.emplace_back(
          model::Put{model::Acl{.id = acl_id(v, n), .name = "a" + std::to_string(n), .vpc = vpc_id(v)}});
      for (uint64_t m = 0; m < 4; ++m) {
        operations.emplace_back(
            model::Put{model::AclRule{.id = acl_rule_id(v, kAclRules + 4 * n + m),
                                      .acl = acl_id(v, n),
                                      .direction = m < 2 ? model::Direction::In : model::Direction::Out,
                                      .number = static_cast<uint16_t>(30000 + m),
                                      .prefix = net::Prefix::any(m % 2 == 0 ? net::Family::V4 : net::Family::V6)}});
      }
    }
    // As new groups have it: all out.
    for (uint64_t n = 0; n < 4; ++n) {
      operations.emplace_back(
          model::Put{model::Rule{.id = rule_id(v, kRules + n),
                                 .group = group_id(v, n / 2),
                                 .direction = model::Direction::Out,
                                 .peer = net::Prefix::any(n % 2 == 0 ? net::Family::V4 : net::Family::V6)}});
    }
    for (uint64_t n = 0; n < kLists; ++n) {
      operations.emplace_back(
          model::Put{model::PrefixList{.id = {name("pl", 1 + n)}, .name = "l" + std::to_string(n), .prefixes = {}}});
    }
    for (uint64_t n = 0; n < 2; ++n) {
      const std::string third = std::to_string(n);
      operations.emplace_back(
          model::Put{model::Subnet{.id = subnet_id(v, n),
                                   .name = "s" + third,
                                   .vpc = vpc_id(v),
                                   .cidr = prefix(((v < 2 ? "10.0." : "10.1.") + third + ".0/24").c_str()),
                                   .cidr6 = prefix((range6(v) + (v < 2 ? ":0:" : ":") + third + "::/64").c_str())}});
    }
    for (uint64_t n = 0; n < kTnis; ++n) {
      operations.emplace_back(model::Put{model::Workload{.id = workload_id(v, n),
                                                         .name = "w" + std::to_string(v) + std::to_string(n),
                                                         .machine = machine,
                                                         .kind = model::WorkloadKind::External}});
    }
  }
  void empty_vpc(const model::State& state, uint64_t v, std::vector<model::Operation>& operations) {
    const auto drop = [&](const auto& id) {
      if (state.find(id) != nullptr) operations.emplace_back(model::Remove{id});
    };
    // A TNI goes only once it is detached.
    for (uint64_t n = 0; n < kTnis; ++n) {
      if (const model::Tni* tni = state.find(tni_id(v, n))) {
        model::Tni detached = *tni;
        detached.workload = {};
        operations.emplace_back(model::Put{detached});
        drop(tni->id);
      }
      drop(workload_id(v, n));
    }
    for (uint64_t n = 0; n < kRoutes + 2 * kTables; ++n) drop(route_id(v, n));
    for (uint64_t n = 0; n < kTables; ++n) drop(table_id(v, n));
    for (uint64_t n = 0; n < kAclRules + 4 * kAcls; ++n) drop(acl_rule_id(v, n));
    for (uint64_t n = 0; n < kAcls; ++n) drop(acl_id(v, n));
    for (uint64_t n = 0; n < kRules + 4; ++n) drop(rule_id(v, n));
    for (uint64_t n = 0; n < 3; ++n) drop(subnet_id(v, n));
    for (uint64_t n = 0; n < kGroups; ++n) drop(group_id(v, n));
    drop(vpc_id(v));
  }
  // Ranges and subnets come and go, also around addresses that were outside.
  void change_vpc(const model::State& state, uint64_t v, std::vector<model::Operation>& operations) {
    model::Vpc changed = state.get(vpc_id(v));
    const model::Subnet inner{
        .id = subnet_id(v, 2), .name = "s2", .vpc = vpc_id(v), .cidr = prefix("192.0.2.0/28"), .cidr6 = std::nullopt};
    if (rng_.one_in(2)) {
      auto& gateway = rng_.one_in(3) ? changed.egress_only : changed.internet;
      gateway = rng_.one_in(3) ? model::Internet::None : model::Internet::Attached;
    } else if (changed.cidrs.size() == 1) {
      changed.cidrs.push_back(prefix("192.0.2.0/24"));
    } else if (state.find(inner.id) == nullptr && rng_.one_in(2)) {
      operations.emplace_back(model::Put{inner});
    } else {
      if (state.find(inner.id) != nullptr) operations.emplace_back(model::Remove{inner.id});
      changed.cidrs.resize(1);
    }
    operations.emplace_back(model::Put{changed});
  }
  // A route, a rule of an ACL, which of them a subnet or the gateway has.
  void change_border(const model::State& state, uint64_t v, model::Command& command) {
    switch (rng_.below(8)) {
      case 0:
      case 1: put(command, route(v)); break;
      case 2: remove(command, route_id(v, rng_.below(kRoutes))); break;
      case 3:
      case 4: put(command, acl_rule(v)); break;
      case 5: remove(command, acl_rule_id(v, rng_.below(kAclRules))); break;
      case 6: {
        model::Vpc changed = state.get(vpc_id(v));
        if (rng_.one_in(2)) {
          changed.gateway_table = rng_.one_in(2) ? table_id(v, rng_.below(kTables)) : model::RouteTableId{};
        } else {
          changed.main_table = table_id(v, rng_.below(kTables));
          changed.default_acl = acl_id(v, rng_.below(kAcls));
        }
        put(command, changed);
        break;
      }
      default: {
        const model::Subnet* subnet = state.find(subnet_id(v, rng_.below(3)));
        if (subnet == nullptr) break;
        model::Subnet changed = *subnet;
        changed.table = rng_.one_in(3) ? model::RouteTableId{} : table_id(v, rng_.below(kTables));
        changed.acl = rng_.one_in(3) ? model::AclId{} : acl_id(v, rng_.below(kAcls));
        put(command, changed);
      }
    }
  }
  model::Route route(uint64_t v) {
    model::Route route{.id = route_id(v, rng_.below(kRoutes)), .table = table_id(v, rng_.below(kTables))};
    const std::string ours = v < 2 ? "10.0." : "10.1.";
    const std::string ours6 = range6(v) + (v < 2 ? ":0:" : ":");
    const std::vector<std::string> inside = {ours + "0.0/24", ours + "1.0/24", ours6 + "0::/64", ours6 + "1::/64"};
    if (!rng_.one_in(3)) {
      route.destination = prefix(pick(inside).c_str());
      route.target = tni_id(v, rng_.below(kTnis));
      return route;
    }
    route.destination = prefix(
        pick(std::vector<const char*>{"192.0.2.0/24", "192.0.2.4/30", "198.51.100.0/22", "10.0.0.0/8", "128.0.0.0/1",
                                      "2001:db8::/32", "2001:db8::5/128", "8000::/1", "2000::/3"}));
    if (rng_.one_in(4)) route.destination = model::PrefixListId{name("pl", 1 + rng_.below(kLists))};
    switch (rng_.below(8)) {
      case 0:
      case 1: route.target = model::Way::Blackhole; break;
      case 2: route.target = model::Way::EgressOnly; break;
      case 3: route.target = tni_id(v, rng_.below(kTnis)); break;
      default: route.target = model::Way::Internet; break;
    }
    return route;
  }
  model::AclRule acl_rule(uint64_t v) {
    return {.id = acl_rule_id(v, rng_.below(kAclRules)),
            .acl = acl_id(v, rng_.below(kAcls)),
            .direction = rng_.one_in(2) ? model::Direction::In : model::Direction::Out,
            .number = static_cast<uint16_t>(1 + rng_.below(6)),
            .action = rng_.one_in(4) ? model::Action::Allow : model::Action::Deny,
            .traffic = rng_.one_in(2) ? model::Traffic{} : some_traffic(),
            .prefix =
                rng_.one_in(2) ? net::Prefix::any(rng_.one_in(2) ? net::Family::V4 : net::Family::V6) : some_prefix()};
  }
  model::Group group(uint64_t v, uint64_t n) {
    return {.id = group_id(v, n),
            .name = "g" + std::to_string(n),
            .vpc = vpc_id(v),
            .on_revoke = rng_.one_in(5) ? model::OnRevoke::Keep : model::OnRevoke::Cut};
  }
  model::PrefixList prefix_list() {
    const uint64_t n = rng_.below(kLists);
    model::PrefixList list{.id = {name("pl", 1 + n)}, .name = "l" + std::to_string(n), .prefixes = {}};
    for (uint64_t i = rng_.below(4); i > 0; --i) list.prefixes.push_back(some_prefix());
    return list;
  }
  model::Rule rule(uint64_t v, base::WallTime now) {
    model::Rule rule{.id = rule_id(v, rng_.below(kRules)),
                     .group = group_id(v, rng_.below(kGroups)),
                     .direction = rng_.one_in(2) ? model::Direction::In : model::Direction::Out,
                     .traffic = some_traffic(),
                     .peer = some_prefix()};
    if (rng_.one_in(3)) rule.peer = group_id(v, rng_.below(kGroups));
    if (rng_.one_in(8)) rule.peer = model::PrefixListId{name("pl", 1 + rng_.below(kLists))};
    if (rng_.one_in(3))
      rule.until = now + std::chrono::seconds(rng_.below(300)) + std::chrono::nanoseconds(rng_.below(3));
    if (rng_.one_in(8)) rule.mode = model::Mode::Audit;
    return rule;
  }
  // Rules like this one for ports inside each other, of which most end.
  void pile(model::Command& command, model::Rule rule, uint64_t v, base::WallTime now) {
    const uint16_t middle = pick(std::vector<uint16_t>{53, 80, 1024});
    for (uint64_t n = rng_.below(6); n > 0; --n) {
      rule.id = rule_id(v, rng_.below(kRules));
      rule.traffic = {.protocol = model::kTcp,
                      .first = static_cast<uint16_t>(middle - rng_.below(20)),
                      .last = static_cast<uint16_t>(middle + rng_.below(20))};
      rule.until.reset();
      if (!rng_.one_in(4)) rule.until = now + std::chrono::seconds(1 + rng_.below(200));
      put(command, rule);
    }
  }
  model::Tni tni(const model::State& state, uint64_t v, uint64_t n) {
    const model::Tni* known = state.find(tni_id(v, n));
    if (known != nullptr && !rng_.one_in(3)) return changed_tni(state, v, n, *known);
    const uint64_t subnet = rng_.below(8) == 0 ? 2 : rng_.below(2);
    model::Tni tni{.id = tni_id(v, n),
                   .name = "t" + std::to_string(n),
                   .vpc = vpc_id(v),
                   .subnet = subnet_id(v, subnet),
                   .mac = {{2, 0, 0, 0, static_cast<uint8_t>(v), static_cast<uint8_t>(n)}},
                   .groups = {},
                   .machine = {name("m", 1)},
                   .workload = workload_id(v, n),
                   .epoch = known == nullptr ? ++epoch_ : known->epoch + 1};
    const model::Subnet* in = state.find(tni.subnet);
    const net::Prefix range = in == nullptr ? prefix("10.0.0.0/24") : in->cidr;
    tni.ip = host_of(range);
    while (rng_.one_in(3) && tni.secondary.size() < 2) tni.secondary.push_back(host_of(range));
    if (in != nullptr && in->cidr6 && !rng_.one_in(4)) tni.ip6 = host_of(*in->cidr6);
    set_groups(v, tni);
    if (rng_.one_in(8)) tni.workload = {};
    if (rng_.one_in(3)) tni.source_check = model::SourceCheck::Off;
    if (rng_.one_in(3)) {
      tni.timeouts = {.tcp_opening = 5,
                      .tcp_established = 100,
                      .tcp_closing = 7,
                      .udp_one_way = 11,
                      .udp_both_ways = 23,
                      .other = 31};
    }
    return tni;
  }
  model::Tni changed_tni(const model::State&, uint64_t v, uint64_t n, model::Tni tni) {
    switch (rng_.below(6)) {
      case 0: tni.source_check = rng_.one_in(4) ? model::SourceCheck::Off : model::SourceCheck::On; break;
      case 1: tni.workload = {}; break;
      case 2: tni.timeouts.udp_one_way = static_cast<uint32_t>(1 + rng_.below(40)); break;
      case 3:
        tni.epoch += 1;
        tni.workload = workload_id(v, n);
        break;
      default: set_groups(v, tni); break;
    }
    return tni;
  }
  void set_groups(uint64_t v, model::Tni& tni) {
    tni.groups.clear();
    for (uint64_t n = 0; n < kGroups; ++n) {
      if (rng_.one_in(2)) tni.groups.push_back(group_id(v, n));
    }
    if (tni.groups.empty()) tni.groups.push_back(group_id(v, rng_.below(kGroups)));
  }

  net::Address host_of(const net::Prefix& range) { return range.first().plus(4 + rng_.below(5)); }
  net::Address outside(net::Family family) {
    if (family == net::Family::V4)
      return address(pick(std::vector<const char*>{"192.0.2.5", "198.51.100.7", "192.0.2.6"}));
    return address(pick(std::vector<const char*>{"2001:db8::5", "2001:db8::1:0:0:7", "2001:db8::6"}));
  }
  // What no single host has.
  net::Address nobody(net::Family family) {
    if (family == net::Family::V4)
      return address(pick(std::vector<const char*>{"224.0.0.1", "255.255.255.255", "127.0.0.1", "0.0.0.7"}));
    return address(pick(std::vector<const char*>{"ff02::1", "ff0e::5", "::1", "::"}));
  }
  net::Address some_address() {
    return address(pick(std::vector<const char*>{
        "10.0.0.4",        "10.0.0.77", "10.0.1.5",  "10.1.0.4",        "10.0.0.1",      "10.0.0.2",
        "10.0.0.255",      "192.0.2.4", "192.0.2.1", "169.254.169.254", "169.254.0.1",   "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "127.0.0.1", "0.0.0.0",         "fd00:1::5",     "fd00:1:0:1::4",
        "fd00:1::1",       "fd00:1::2", "fd00:2::1", "fe80::1",         "fd00:ec2::254", "ff02::1",
        "ff05::2",         "::1",       "::",        "2001:db8::5",     "2001:db8:1::5", "2001:db8:1::1"}));
  }
  net::Address resolver(const model::State& state, const model::Tni& near) {
    const model::Subnet& subnet = state.get(near.subnet);
    if (rng_.one_in(3)) return model::link_local_resolver(rng_.one_in(2) ? net::Family::V4 : net::Family::V6);
    return model::resolver_of(rng_.one_in(2) && subnet.cidr6 ? *subnet.cidr6 : subnet.cidr);
  }
  net::Prefix some_prefix() {
    return prefix(pick(std::vector<const char*>{
        "0.0.0.0/0",     "0.0.0.0/1",     "10.0.0.0/8",      "10.0.0.0/16",    "10.0.0.0/24", "10.0.0.4/30",
        "10.0.0.4/32",   "10.0.0.5/32",   "10.0.1.0/24",     "10.1.0.0/16",    "10.1.0.6/31", "192.0.2.0/24",
        "192.0.2.4/30",  "192.0.2.5/32",  "198.51.100.0/22", "::/0",           "::/1",        "::/64",
        "::/80",         "::/0",          "0.0.0.0/0",       "fd00::/8",       "fd00:1::/56", "fd00:1::/64",
        "fd00:1::4/127", "fd00:1::5/128", "2001:db8::/32",   "2001:db8::5/128"}));
  }
  model::Traffic some_traffic() {
    const char* text = pick(std::vector<const char*>{"all",
                                                     "all",
                                                     "all",
                                                     "tcp",
                                                     "udp",
                                                     "icmp",
                                                     "icmpv6",
                                                     "tcp:80",
                                                     "tcp:79-81",
                                                     "tcp:0-1023",
                                                     "tcp:1024-65535",
                                                     "udp:53",
                                                     "udp:80",
                                                     "udp:1-65534",
                                                     "icmp:8",
                                                     "icmp:8/0",
                                                     "icmp:3",
                                                     "icmp:0",
                                                     "icmpv6:128",
                                                     "icmpv6:1/4",
                                                     "47",
                                                     "132"});
    return *model::Traffic::parse(text);
  }
  model::TcpFlags tcp_flags() {
    switch (rng_.below(8)) {
      case 0: return {.syn = true};
      case 1: return {.syn = true, .ack = true};
      case 2: return {.ack = true, .fin = true};
      case 3: return {.rst = true};
      default: return {.ack = true};
    }
  }
  void fill_traffic(model::Packet& packet) {
    const bool v4 = packet.source.address.is_v4();
    switch (rng_.below(10)) {
      case 0: {
        packet.protocol = v4 ? model::kIcmp : model::kIcmp6;
        set_echo(packet, rng_.one_in(5) ? model::IcmpKind::Reply : model::IcmpKind::Request);
        packet.source.port = packet.target.port = static_cast<uint16_t>(1 + rng_.below(2));
        break;
      }
      case 1: {
        packet.protocol = v4 ? model::kIcmp : model::kIcmp6;
        packet.icmp = model::IcmpKind::Other;
        packet.selector = v4 ? pick(std::vector<uint16_t>{0x0301, 0x0304, 0x0d00}) : uint16_t{0x0104};
        packet.source.port = packet.target.port = packet.selector;
        break;
      }
      case 2: packet.protocol = pick(std::vector<uint8_t>{47, 132, 50}); break;
      default: {
        packet.protocol = rng_.one_in(2) ? model::kTcp : model::kUdp;
        packet.source.port = static_cast<uint16_t>(40000 + rng_.below(2));
        packet.target.port = pick(std::vector<uint16_t>{53, 53, 80, 80, 80, 81, 1023, 1024, 65535, 0});
        packet.selector = packet.target.port;
        if (packet.protocol == model::kTcp) packet.tcp = rng_.one_in(2) ? model::TcpFlags{.syn = true} : tcp_flags();
        break;
      }
    }
  }
  static model::IcmpKind other_kind(model::IcmpKind kind) {
    return kind == model::IcmpKind::Request ? model::IcmpKind::Reply : model::IcmpKind::Request;
  }
  static void set_echo(model::Packet& packet, model::IcmpKind kind) {
    const bool v4 = packet.protocol == model::kIcmp, request = kind == model::IcmpKind::Request;
    packet.icmp = kind;
    packet.selector = static_cast<uint16_t>((v4 ? (request ? 8 : 0) : (request ? 128 : 129)) << 8);
  }
  // Turns `error` into an ICMP error about `packet`, from its target or from
  // somebody who has no say in it.
  void make_error(const model::State& state, const model::Packet& packet, model::Packet& error) {
    const bool v4 = packet.source.address.is_v4();
    if (packet.icmp == model::IcmpKind::Other) return;
    error = {.vpc = packet.vpc,
             .source = {packet.target.address, 0},
             .target = {packet.source.address, 0},
             .protocol = v4 ? model::kIcmp : model::kIcmp6,
             .icmp = model::IcmpKind::Other,
             .selector = v4 ? uint16_t{0x0303} : uint16_t{0x0104},
             .inner = model::InnerPacket{.protocol = packet.protocol,
                                         .icmp = packet.icmp,
                                         .source_port = packet.source.port,
                                         .target = packet.target}};
    const model::Tni* holder = state.holder_of(packet.vpc, packet.target.address);
    if (holder != nullptr && !rng_.one_in(8)) error.sender = holder->id;
    if (error.sender.empty() && rng_.one_in(2)) error.source.address = outside(packet.source.address.family());
    if (rng_.one_in(8)) error.inner->source_port = static_cast<uint16_t>(error.inner->source_port ^ 1);
    error.source.port = error.target.port = error.selector;
  }

  base::Rng& rng_;
  uint64_t epoch_ = 0;
};

}  // namespace weft::datapath
