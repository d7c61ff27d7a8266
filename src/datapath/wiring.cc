#include "datapath/wiring.h"

#include <algorithm>
#include <iterator>

namespace weft::datapath {

namespace {

constexpr uint32_t kFirstTable = 1000;  // of eth1, eth2, ... in a workload
constexpr uint32_t kRulePriority = 1000;
constexpr uint32_t kIpv6Metric = 1024;  // what the kernel makes of none
// Whoever a TNI asks for, the router answers (bpf/neighbour.h).
const net::Address kAnyRouter6 = *net::Address::parse("fe80::1");

template <class T>
std::set<T> minus(const std::set<T>& left, const std::set<T>& right) {
  std::set<T> rest;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(), std::inserter(rest, rest.end()));
  return rest;
}

void add_family(const Interface& interface, int link, const net::Prefix& cidr, const net::Address& own,
                Wiring& wiring) {
  // IPv6 refuses a router that another device has a way to already, and two
  // interfaces may be in one subnet: then it goes by an address that needs none.
  const bool again = !own.is_v4() && interface.position != 0;
  const net::Address router = again ? kAnyRouter6 : model::router_of(cidr);
  const uint32_t metric = own.is_v4() ? 0 : kIpv6Metric;
  const os::Route to_router{.to = net::Prefix::host(router), .link = link, .metric = metric};
  const os::Route by_router{.link = link, .via = router, .onlink = true, .source = own, .metric = metric};
  const auto add = [](os::Route route, const net::Prefix& to, uint32_t table) {
    route.to = to;
    route.table = table;
    return route;
  };
  os::Route near = add(by_router, cidr, os::kMainTable);
  if (interface.home == Home::Machine) {
    // The machine keeps its own default route; only the VPC's range leads here.
    near.mtu = interface.mtu;
    wiring.routes.insert({add(to_router, to_router.to, os::kMainTable), near});
    return;
  }
  // Without a link-local address of its own the kernel asks for an IPv6 neighbour only on
  // behalf of what the workload itself sends, not of what it forwards.
  if (!own.is_v4()) wiring.neighbours.insert({.link = link, .address = router, .mac = kRouterMac});
  const uint32_t table = table_of(interface);
  if (!again) wiring.routes.insert(add(to_router, to_router.to, table));
  wiring.routes.insert(add(by_router, net::Prefix::any(cidr.family()), table));
  // What is near goes out here; of two in one subnet, by the first.
  near.metric += interface.position;
  wiring.routes.insert(near);
}

}  // namespace

uint32_t table_of(const Interface& interface) {
  return interface.position == 0 ? os::kMainTable : kFirstTable + interface.position;
}

Wiring wiring_of(const Interface& interface, int link) {
  Wiring wiring;
  for (const net::Address& address : interface.addresses) {
    wiring.addresses.insert({.link = link, .address = address, .length = net::Prefix::host(address).length()});
  }
  add_family(interface, link, interface.cidr, interface.addresses.front(), wiring);
  if (interface.cidr6) add_family(interface, link, *interface.cidr6, interface.addresses.back(), wiring);
  if (interface.home == Home::Machine || interface.position == 0) return wiring;
  // The answers of its addresses go out by it.
  for (const net::Address& address : interface.addresses) {
    wiring.rules.insert({.priority = kRulePriority + interface.position,
                         .from = net::Prefix::host(address),
                         .table = table_of(interface)});
  }
  return wiring;
}

Wiring missing(const Wiring& wanted, const Wiring& there) {
  return {minus(wanted.addresses, there.addresses), minus(wanted.routes, there.routes),
          minus(wanted.rules, there.rules), minus(wanted.neighbours, there.neighbours)};
}

std::vector<os::Request> make_room(const Wiring& wanted, const Wiring& there) {
  std::vector<os::Request> requests;
  for (const auto& route : wanted.routes) {
    for (const auto& other : there.routes) {
      if (other.to == route.to && other.metric == route.metric) requests.push_back(os::remove_route(other));
    }
  }
  return requests;
}

std::vector<os::Request> requests_of(const Wiring& wiring, Home home) {
  const os::Create routes = home == Home::Machine ? os::Create::Exclusive : os::Create::Replace;
  std::vector<os::Request> requests;
  for (const auto& row : wiring.addresses) requests.push_back(os::put_address(row, os::Create::Replace));
  // A route by a router wants to know first where the router is.
  for (const auto& row : wiring.routes) {
    if (!row.via) requests.push_back(os::put_route(row, routes));
  }
  for (const auto& row : wiring.routes) {
    if (row.via) requests.push_back(os::put_route(row, routes));
  }
  for (const auto& row : wiring.rules) requests.push_back(os::put_rule(row, os::Create::Replace));
  for (const auto& row : wiring.neighbours) requests.push_back(os::put_neighbour(row, os::Create::Replace));
  return requests;
}

std::optional<os::LinkChange> change_of(const Interface& interface, const os::Link& device) {
  os::LinkChange change{.index = device.index};
  if (device.mtu != interface.mtu) change.mtu = interface.mtu;
  if (device.mac != interface.mac) change.mac = interface.mac;
  if (device.state() != os::LinkState::Up) change.state = os::LinkState::Up;
  if (!change.mtu && !change.mac && !change.state) return std::nullopt;
  return change;
}

std::string text_of(const Wiring& wiring) {
  std::string text;
  const auto add = [&](const std::string& word) { text += (text.empty() ? "" : ", ") + word; };
  for (const auto& row : wiring.addresses) add("address " + row.address.text());
  for (const auto& row : wiring.routes) add("route " + row.to.text());
  for (const auto& row : wiring.rules) add("rule " + row.from.text());
  for (const auto& row : wiring.neighbours) add("neighbour " + row.address.text());
  return text;
}

}  // namespace weft::datapath
