// A route table says where packets go that leave a subnet: by the longest prefix around
// their target. The ranges of the VPC are local without a route that says so; a more
// specific one is for the whole of a subnet, and leads to what stands between.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "model/ids.h"
#include "net/address.h"

namespace weft::model {

struct RouteTable {
  RouteTableId id;
  std::string name;  // unique in the VPC
  VpcId vpc;
  bool operator==(const RouteTable&) const = default;
};

enum class Way {
  Internet,    // the VPC's internet gateway
  EgressOnly,  // its egress-only gateway, for IPv6
  Blackhole,   // nowhere
};
using RouteTarget = std::variant<Way, TniId>;
using Destination = std::variant<net::Prefix, PrefixListId>;

struct Route {
  RouteId id;
  RouteTableId table;
  Destination destination;  // once in a table
  RouteTarget target;       // may be gone: then the route is a blackhole
  bool operator==(const Route&) const = default;
};

// What no route may lead into: the services that every VPC has.
const net::Prefix& service_range(net::Family family);

template <class F>
void fields(F&& f, RouteTable& t) {
  f("id", t.id);
  f("name", t.name);
  f("vpc", t.vpc);
}
template <class F>
void fields(F&& f, Route& r) {
  f("id", r.id);
  f("table", r.table);
  f("destination", r.destination);
  f("target", r.target);
}

}  // namespace weft::model
