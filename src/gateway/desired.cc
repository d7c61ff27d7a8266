#include "gateway/desired.h"

#include <algorithm>

#include "base/text.h"
#include "bpf/gateway_abi.h"
#include "gateway/publish.h"

namespace weft::gateway {

using model::State;
using model::Tni;
using model::Vpc;
using model::VpcId;
using model::Workload;
using net::Address;
using net::Family;
using net::Prefix;

namespace {

constexpr Family kFamilies[] = {Family::V4, Family::V6};
constexpr uint32_t kIpv6Metric = 1024;  // what the kernel makes of none
// The far ends of `in` and `out`, known by no one else. Their MACs are given.
const Address kNextHop[] = {*Address::parse("169.254.0.1"), *Address::parse("fe80::1")};

Address next_hop(Family family) { return kNextHop[family == Family::V4 ? 0 : 1]; }

class Compiler {
 public:
  Compiler(const State& state, const MachineFacts& facts, const Places& places, const model::MachineId& self,
           const Options& options)
      : state_(state), facts_(facts), places_(places), self_(self), options_(options) {}

  Desired run() {
    find_uplinks();
    add_addresses();
    for (const auto& [id, need] : wanted_vpcs(state_, self_)) add_gateway(state_.get(id));

    if (!desired_.gateways.empty()) {
      desired_.guard = Guard{.table = options_.table,
                             .devices = {"lo", options_.machine_device, options_.device_prefix + "*"},
                             .addresses = guarded_};
      report_lacks();
    }
    report_bound();
    // What others reserve is reserved.
    desired_.reserved = desired_.reserved.without(facts_.reserved);
    return std::move(desired_);
  }

  // VPCs with a TNI that is attached here.
  static std::map<VpcId, Need> wanted_vpcs(const State& state, const model::MachineId& self) {
    std::map<VpcId, Need> wanted;
    for (const auto& [id, tni] : state.all<Tni>()) {
      if (tni.machine != self || tni.workload.empty()) continue;
      const auto* vpc = state.find(tni.vpc);
      if (vpc == nullptr) continue;
      const bool out = model::leads_out(*vpc, Family::V4) || model::leads_out(*vpc, Family::V6);
      wanted[tni.vpc] = out ? Need::Internet : Need::Resolver;
    }
    return wanted;
  }

 private:
  Inside inside() const { return {places_.block.value_or(0)}; }
  void problem(const std::string& object, std::string what) { desired_.problems.push_back({object, std::move(what)}); }

  void find_uplinks() {
    for (const auto& route : facts_.defaults) desired_.uplinks.insert(route.link);
    for (const auto& resolver : facts_.resolvers) desired_.uplinks.insert(resolver.link);
    for (const auto& [id, workload] : state_.all<Workload>()) {
      if (workload.machine != self_) continue;
      for (const auto& publication : workload.publish) {
        for (const auto& link : facts_.links) {
          if (leads_to(link, publication)) desired_.uplinks.insert(link.index);
        }
      }
    }
    std::erase_if(desired_.uplinks, [&](int link) { return facts_.find_link(link) == nullptr; });
  }

  // Whether who calls by the link means what is published.
  static bool leads_to(const MachineFacts::Link& link, const model::Publication& publication) {
    return std::any_of(link.addresses.begin(), link.addresses.end(), [&](const Address& address) {
      const auto& bound = publication.address;
      return !bound || *bound == address || (bound->is_unspecified() && bound->family() == address.family());
    });
  }

  void add_addresses() {
    for (const auto& link : facts_.links) {
      for (const Address& address : link.addresses) {
        const auto* way = facts_.find_way_out(address.family());
        const int exit = desired_.uplinks.contains(link.index) ? link.index : way != nullptr ? way->link : 0;
        desired_.border.addresses[address] = {Border::Kind::Outside, exit};
      }
    }
    for (const Family family : kFamilies) {
      desired_.border.addresses[inside().machine(family)] = {Border::Kind::Inside, 0};
      guarded_.push_back(inside().machine(family));
    }
    // An address that the machine has elsewhere too goes on to be known there.
    const auto add_tni = [&](const Address& address) {
      return desired_.border.addresses.emplace(address, Border::MachineAddress{Border::Kind::Tni, 0}).second;
    };
    for (const Address& address : facts_.instances) add_tni(address);
    for (const auto& [id, tni] : state_.all<Tni>()) {
      const Workload* holder = tni.machine == self_ ? state_.find(tni.workload) : nullptr;
      if (holder == nullptr || holder->kind != model::WorkloadKind::Machine) continue;
      for (const Address& address : tni.addresses()) {
        if (add_tni(address)) guarded_.push_back(address);
      }
    }
  }

  unsigned mtu_out() const {
    unsigned mtu = 65535;
    for (const auto& link : facts_.links) {
      if (desired_.uplinks.contains(link.index)) mtu = std::min(mtu, link.mtu);
    }
    return mtu == 65535 ? 1500 : std::max(mtu, 1280u);
  }

  void add_gateway(const Vpc& vpc) {
    const auto place = places_.gateways.find(vpc.id);
    if (place == places_.gateways.end()) {
      return problem(vpc.id.text, places_.block
                                      ? fmt::format("this machine has {} gateways, the most it can", Inside::kMostSlots)
                                      : fmt::format("{} instances have gateways on this machine, the most that can",
                                                    Inside::kBlocks));
    }
    const uint32_t slot = place->second.slot;
    Gateway gateway{.vpc = vpc.id,
                    .place = place->second,
                    .block = inside().block,
                    .netns = options_.netns_of(vpc.id),
                    .instance_device = fmt::format("gw{}", slot),
                    .machine_device = options_.device_of(slot),
                    .mtu = mtu_out(),
                    .inside = {},
                    .machine = machine_side(slot),
                    .rules = {}};
    wire(vpc, gateway);
    gateway.rules = rules_of(vpc, gateway);
    if (gateway.place.ports) {
      desired_.reserved.add(*gateway.place.ports);
      for (uint32_t port = gateway.place.ports->first; port <= gateway.place.ports->last;
           port += 1u << abi::PORT_CHUNK_BITS) {
        desired_.border.chunks[port >> abi::PORT_CHUNK_BITS] = slot;
      }
    } else {
      problem(vpc.id.text, fmt::format("no ports are left in {} for what it sends out", options_.ports.text()));
    }
    if (const auto& routed = gateway.rules.routed) {
      desired_.border.routed[*routed] = {slot, facts_.find_way_out(Family::V6)->link};
    }
    desired_.gateways.emplace(vpc.id, std::move(gateway));
  }

  // The machine's own programs come from one address and call another.
  Wiring machine_side(uint32_t slot) const {
    Wiring wiring;
    for (const Family family : kFamilies) {
      const Address machine = inside().machine(family), gateway = inside().gateway(family, slot);
      wiring.addresses.insert({.address = machine, .length = Prefix::host(machine).length()});
      wiring.routes.insert({.to = Prefix::host(gateway),
                            .source = machine,
                            .metric = family == Family::V6 ? kIpv6Metric : 0,
                            .protocol = kRouteProtocol});
      wiring.neighbours.insert({.address = gateway, .mac = kOutMac});
    }
    return wiring;
  }

  void wire(const Vpc& vpc, Gateway& gateway) const {
    Wiring& inner = gateway.inside;
    const auto add_route = [&](const Prefix& to, int link, std::optional<Address> source) {
      inner.routes.insert({.to = to,
                           .link = link,
                           .via = next_hop(to.family()),
                           .onlink = true,
                           .source = source,
                           .metric = to.family() == Family::V6 ? kIpv6Metric : 0,
                           .protocol = kRouteProtocol});
    };
    for (const Family family : kFamilies) {
      inner.neighbours.insert({.link = kIn, .address = next_hop(family), .mac = kRouterMac});
      inner.neighbours.insert({.link = kOut, .address = next_hop(family), .mac = kMachineMac});
      add_route(Prefix::any(family), kOut, std::nullopt);
      const Address own = inside().gateway(family, gateway.place.slot);
      inner.addresses.insert({.link = kOut, .address = own, .length = Prefix::host(own).length()});
    }
    for (const auto& subnet : subnets_of(vpc)) {
      inner.addresses.insert({.link = kIn, .address = subnet.router, .length = Prefix::host(subnet.router).length()});
      add_route(subnet.range, kIn, subnet.router);
    }
  }

  std::vector<Ruleset::Subnet> subnets_of(const Vpc& vpc) const {
    std::vector<Ruleset::Subnet> subnets;
    for (const auto& id : state_.subnets_of(vpc.id)) {
      const auto& subnet = state_.get(id);
      subnets.push_back({subnet.cidr, model::router_of(subnet.cidr)});
      if (subnet.cidr6) subnets.push_back({*subnet.cidr6, model::router_of(*subnet.cidr6)});
    }
    return subnets;
  }

  Ruleset rules_of(const Vpc& vpc, const Gateway& gateway) {
    Ruleset rules{.ranges = vpc.cidrs, .subnets = subnets_of(vpc)};
    if (vpc.cidr6) rules.ranges.push_back(*vpc.cidr6);
    const auto machine = desired_.machine();
    rules.machine.assign(machine.begin(), machine.end());
    for (const Family family : kFamilies) {
      rules.inside.push_back(inside().range(family));
      rules.own.push_back(inside().gateway(family, gateway.place.slot));
    }
    rules.resolvers = resolvers_of(vpc);
    rules.published = publish_ports(vpc, gateway);
    rules.ports = gateway.place.ports;
    if (model::leads_out(vpc, Family::V4)) rules.shared = facts_.shared_address(Family::V4);
    rules.routed = routed_range(vpc);
    return rules;
  }

  std::optional<Prefix> routed_range(const Vpc& vpc) {
    const bool open = vpc.internet == model::Internet::Attached || vpc.egress_only == model::Internet::Attached;
    if (!vpc.cidr6 || !open) return std::nullopt;
    if (!model::leads_out(vpc, Family::V6)) {
      // That of the default VPC was nobody's choice, and is for talking inside.
      if (vpc.name != "default")
        problem(vpc.id.text,
                fmt::format("{} is a private IPv6 range: nothing of it reaches the internet", vpc.cidr6->text()));
      return std::nullopt;
    }
    return facts_.find_way_out(Family::V6) == nullptr ? std::nullopt : vpc.cidr6;
  }

  // A subnet's resolver asks the machine's first name server, the link-local one
  // its second if there is one: a client that has both tries both.
  std::vector<Ruleset::Resolver> resolvers_of(const Vpc& vpc) const {
    std::vector<Ruleset::Resolver> all;
    for (const Family family : kFamilies) {
      std::vector<MachineFacts::Resolver> servers;
      for (const auto& resolver : facts_.resolvers) {
        if (resolver.address.family() == family) servers.push_back(resolver);
      }
      if (servers.empty()) continue;
      std::vector<Address> near;
      for (const auto& subnet : subnets_of(vpc)) {
        if (subnet.range.family() == family) near.push_back(model::resolver_of(subnet.range));
      }
      const auto& first = servers.front();
      const auto& second = servers[servers.size() > 1 ? 1 : 0];
      if (!near.empty()) all.push_back({near, first.address, first.source});
      all.push_back({{model::link_local_resolver(family)}, second.address, second.source});
    }
    return all;
  }

  std::vector<Published> publish_ports(const Vpc& vpc, const Gateway& gateway) {
    Doors doors = publish(state_, facts_, self_, options_, vpc, inside(), gateway.place.slot);
    for (const auto& [door, behind] : doors.doors) {
      desired_.border.doors[door] = behind;
      // No program of the machine shall be given it as a port of its own.
      desired_.reserved.add({door.port, door.port});
    }
    for (Problem& problem : doors.problems) desired_.problems.push_back(std::move(problem));
    return std::move(doors.published);
  }

  void report_lacks() {
    const bool internet = std::any_of(desired_.gateways.begin(), desired_.gateways.end(), [&](const auto& entry) {
      return state_.get(entry.first).internet == model::Internet::Attached;
    });
    if (internet && !facts_.shared_address(Family::V4)) {
      problem(self_.text, "the machine has no IPv4 default route with an address: no VPC reaches the internet");
    }
    if (facts_.resolvers.empty()) {
      problem(self_.text, "the machine has no name server that a VPC can use: the resolver answers nobody");
      for (const std::string& why : facts_.useless_resolvers) problem(self_.text, why);
    }
  }

  void report_bound() {
    for (const auto& bound : facts_.bound) {
      for (const auto& [id, gateway] : desired_.gateways) {
        if (!gateway.place.ports || !gateway.place.ports->contains(bound.port) || bound.address.is_loopback()) continue;
        problem(id.text,
                fmt::format("a program of the machine has {} port {} bound, which is one of the VPC's for what "
                            "it sends out: nobody outside reaches that program",
                            bound.address.text(), bound.port));
      }
    }
  }

  const State& state_;
  const MachineFacts& facts_;
  const Places& places_;
  const model::MachineId& self_;
  const Options& options_;
  Desired desired_;
  std::vector<Address> guarded_;  // ways there are by gateways and VPCs only
};

}  // namespace

// vpc-5f0c9a31e2d47b68 3 0 61056-62079
std::string Gateway::alias() const {
  return fmt::format("{} {} {} {}", vpc.text, place.slot, block, place.ports ? place.ports->text() : "none");
}

std::optional<Alias> parse_alias(std::string_view text) {
  const auto words = base::split(text, ' ');
  if (words.size() != 4 || !VpcId::looks_like(words[0])) return std::nullopt;
  const auto slot = base::parse_number(words[1], 1, Inside::kMostSlots);
  const auto block = base::parse_number(words[2], 0, Inside::kBlocks - 1);
  const auto ports = PortRange::parse(words[3]);
  if (!slot.ok() || !block.ok() || (!ports.ok() && words[3] != "none")) return std::nullopt;
  return Alias{.vpc = {std::string(words[0])},
               .place = {static_cast<uint32_t>(*slot), ports.ok() ? std::optional(*ports) : std::nullopt},
               .block = static_cast<uint32_t>(*block)};
}

std::set<net::Address> Desired::machine() const {
  std::set<net::Address> known;
  for (const auto& [address, row] : border.addresses) {
    if (row.kind == Border::Kind::Outside) known.insert(address);
  }
  return known;
}

Places allot_places(const State& state, const MachineFacts& facts, const model::MachineId& self, const Places& held,
                    const Options& options) {
  return allot(held, Compiler::wanted_vpcs(state, self), facts, options);
}

Desired compile(const State& state, const MachineFacts& facts, const Places& places, const model::MachineId& self,
                const Options& options) {
  return Compiler(state, facts, places, self, options).run();
}

}  // namespace weft::gateway
