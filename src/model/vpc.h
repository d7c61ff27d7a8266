// A VPC is a private network with address ranges of its own; ranges of different
// VPCs may overlap. A subnet is a part of one of its ranges; it spans machines.
// A block is the slice of a subnet whose addresses one machine hands out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "net/address.h"

namespace weft::model {

struct Machine {
  MachineId id;
  std::string name;
  bool operator==(const Machine&) const = default;
};

enum class Internet { None, Attached };

struct Vpc {
  VpcId id;
  std::string name;
  std::vector<net::Prefix> cidrs;      // IPv4, 1 to 5, /16 to /28
  std::optional<net::Prefix> cidr6;    // /56 or shorter, down to /64
  GroupId default_group;               // made with the VPC, goes with it
  RouteTableId main_table;             // of the subnets that have none of their own
  AclId default_acl;                   // likewise; made with the VPC, goes with it
  Internet internet = Internet::None;  // an internet gateway is attached
  Internet egress_only = Internet::None;
  RouteTableId gateway_table;  // where what the internet gateway brings goes; empty: straight to its target
  bool operator==(const Vpc&) const = default;
};

struct Subnet {
  SubnetId id;
  std::string name;  // unique in the VPC
  VpcId vpc;
  net::Prefix cidr;                  // IPv4, /16 to /28, inside one of the VPC's
  std::optional<net::Prefix> cidr6;  // /64 inside the VPC's
  RouteTableId table;                // empty: the VPC's main table
  AclId acl;                         // empty: the VPC's default one
  bool operator==(const Subnet&) const = default;
};

struct Block {
  BlockId id;
  SubnetId subnet;
  MachineId machine;
  net::Prefix range;
  bool operator==(const Block&) const = default;
};

// The published limits (docs/limits.md).
inline constexpr size_t kMostCidrs = 5;
inline constexpr size_t kMostSubnets = 200;   // per VPC
inline constexpr size_t kMostGroups = 2500;   // per VPC
inline constexpr size_t kMostTables = 200;    // per VPC
inline constexpr size_t kMostRoutes = 1000;   // per table
inline constexpr size_t kMostAcls = 200;      // per VPC
inline constexpr size_t kMostAclRules = 100;  // per ACL and direction
inline constexpr size_t kMostRules = 1000;    // per group and direction
inline constexpr size_t kMostGroupsPerTni = 16;
inline constexpr size_t kMostTnis = 100'000;  // per VPC
inline constexpr size_t kMostTnisPerMachine = 5000;
inline constexpr size_t kMostPrefixes = 1000;  // per prefix list

// The first addresses of a subnet that are not for TNIs: network, router,
// resolver, future use. The last one isn't either.
inline constexpr uint64_t kReservedLow = 4;
inline net::Address router_of(const net::Prefix& cidr) { return cidr.first().plus(1); }
inline net::Address resolver_of(const net::Prefix& cidr) { return cidr.first().plus(2); }
bool is_reserved(const net::Prefix& subnet, const net::Address& address);

std::vector<net::Prefix> ranges_of(const Vpc& vpc);  // of both families
bool is_in_ranges(const Vpc& vpc, const net::Address& address);

// The addresses that answer DNS in every VPC, whatever its ranges.
net::Address link_local_resolver(net::Family family);

// Whether a gateway, if there is one, takes the VPC's addresses of a family out: IPv4
// with the machine's own address, IPv6 as they are, unless they are private.
bool leads_out(const Vpc& vpc, net::Family family);

// Field by field, with the names that the schema, JSON and YAML use.
template <class F>
void fields(F&& f, Machine& m) {
  f("id", m.id);
  f("name", m.name);
}
template <class F>
void fields(F&& f, Vpc& v) {
  f("id", v.id);
  f("name", v.name);
  f("cidrs", v.cidrs);
  f("cidr6", v.cidr6);
  f("default_group", v.default_group);
  f("main_table", v.main_table);
  f("default_acl", v.default_acl);
  f("internet", v.internet);
  f("egress_only", v.egress_only);
  f("gateway_table", v.gateway_table);
}
template <class F>
void fields(F&& f, Subnet& s) {
  f("id", s.id);
  f("name", s.name);
  f("vpc", s.vpc);
  f("cidr", s.cidr);
  f("cidr6", s.cidr6);
  f("table", s.table);
  f("acl", s.acl);
}
template <class F>
void fields(F&& f, Block& b) {
  f("id", b.id);
  f("subnet", b.subnet);
  f("machine", b.machine);
  f("range", b.range);
}

}  // namespace weft::model
