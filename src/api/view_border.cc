// Route tables, gateways and ACLs as the API shows them.
#include <algorithm>

#include "api/view.h"
#include "model/border.h"
#include "schema/object.h"

namespace weft::api {

namespace {

template <class Object>
std::string vpc_name(const model::State& state, const Object& object) {
  return state.get(object.vpc).name;
}

// Names of the subnets whose table, or ACL, it is.
template <class Id, class Of>
google::protobuf::RepeatedPtrField<std::string> subnets_with(const model::State& state, const model::VpcId& vpc,
                                                             const Id& id, Of of) {
  google::protobuf::RepeatedPtrField<std::string> names;
  for (const model::SubnetId& subnet : state.subnets_of(vpc)) {
    if (of(state.get(subnet)).id == id) *names.Add() = state.get(subnet).name;
  }
  std::sort(names.begin(), names.end());
  return names;
}

unsigned longest_of(const model::State& state, const model::Destination& destination) {
  if (const auto* prefix = std::get_if<net::Prefix>(&destination)) return prefix->length();
  unsigned longest = 0;
  for (const net::Prefix& prefix : state.get(std::get<model::PrefixListId>(destination)).prefixes) {
    longest = std::max(longest, prefix.length());
  }
  return longest;
}

v1::RouteItem local_route(const model::RouteTable& table, const net::Prefix& range) {
  v1::RouteItem item;
  item.set_table(table.id.text);
  item.set_destination(range.text());
  item.set_target("local");
  return item;
}

v1::RouteItem view(const model::State& state, const model::Route& route, const model::Vpc& vpc) {
  v1::RouteItem item;
  item.set_id(route.id.text);
  item.set_table(route.table.text);
  item.set_destination(model::text_of(state, route.destination));
  item.set_target(target_name(state, route.target, vpc.id));
  item.set_state(model::leads_somewhere(state, vpc, route.target, model::family_of(route.destination))
                     ? v1::ROUTE_STATE_ACTIVE
                     : v1::ROUTE_STATE_BLACKHOLE);
  return item;
}

}  // namespace

std::string target_name(const model::State& state, const model::RouteTarget& target, const model::VpcId& home) {
  const auto* id = std::get_if<model::TniId>(&target);
  if (id == nullptr) return schema::to_text(target);
  const model::Tni* tni = state.find(*id);
  if (tni == nullptr) return id->text;
  return tni->vpc == home ? "tni:" + tni->name : fmt::format("tni:{}/{}", vpc_name(state, *tni), tni->name);
}

v1::RouteTableItem view(const model::State& state, const model::RouteTable& table) {
  v1::RouteTableItem item;
  schema::write(table, item);
  const model::Vpc& vpc = state.get(table.vpc);
  item.set_vpc_name(vpc.name);
  item.set_main(vpc.main_table == table.id);
  item.set_gateway(vpc.gateway_table == table.id);
  *item.mutable_subnets() = subnets_with(
      state, vpc.id, table.id, [&](const model::Subnet& s) -> const auto& { return state.table_of(s); });
  item.set_routes(static_cast<uint32_t>(state.routes_of(table.id).size()));
  return item;
}

std::vector<v1::RouteItem> view_routes(const model::State& state, const model::RouteTableId& id) {
  const model::RouteTable& table = state.get(id);
  const model::Vpc& vpc = state.get(table.vpc);
  std::vector<v1::RouteItem> items;
  for (const net::Prefix& range : model::ranges_of(vpc)) items.push_back(local_route(table, range));
  std::vector<const model::Route*> routes;
  for (const model::RouteId& route : state.routes_of(id)) routes.push_back(&state.get(route));
  std::sort(routes.begin(), routes.end(), [&](const auto* a, const auto* b) {
    const auto key = [&](const model::Route& route) {
      return std::tuple(-static_cast<int>(longest_of(state, route.destination)),
                        model::text_of(state, route.destination));
    };
    return key(*a) < key(*b);
  });
  for (const model::Route* route : routes) items.push_back(view(state, *route, vpc));
  return items;
}

v1::GatewayItem view_gateway(const model::State& state, const model::Vpc& vpc, model::Way way) {
  v1::GatewayItem item;
  item.set_name(schema::to_text(model::RouteTarget(way)));
  item.set_vpc(vpc.id.text);
  item.set_vpc_name(vpc.name);
  if (way == model::Way::Internet && !vpc.gateway_table.empty()) item.set_table_name(state.get(vpc.gateway_table).name);
  uint32_t routes = 0;
  for (const model::RouteTableId& table : state.tables_of(vpc.id)) {
    for (const model::RouteId& route : state.routes_of(table)) {
      routes += state.get(route).target == model::RouteTarget(way);
    }
  }
  item.set_routes(routes);
  return item;
}

v1::AclItem view(const model::State& state, const model::Acl& acl) {
  v1::AclItem item;
  schema::write(acl, item);
  const model::Vpc& vpc = state.get(acl.vpc);
  item.set_vpc_name(vpc.name);
  item.set_default_(vpc.default_acl == acl.id);
  *item.mutable_subnets() = subnets_with(
      state, vpc.id, acl.id, [&](const model::Subnet& s) -> const auto& { return state.acl_of(s); });
  item.set_rules_in(static_cast<uint32_t>(state.rules_of(acl.id, model::Direction::In).size()));
  item.set_rules_out(static_cast<uint32_t>(state.rules_of(acl.id, model::Direction::Out).size()));
  return item;
}

v1::AclItem view_whole(const Backend& backend, const model::Acl& acl) {
  const model::State& state = backend.state();
  v1::AclItem item = view(state, acl);
  for (const auto direction : {model::Direction::In, model::Direction::Out}) {
    for (const auto& [number, id] : state.rules_of(acl.id, direction)) {
      v1::AclRuleItem& rule = *item.add_rules();
      schema::write(state.get(id), rule);
      rule.set_flows(backend.flows_of(id));
    }
  }
  return item;
}

}  // namespace weft::api
