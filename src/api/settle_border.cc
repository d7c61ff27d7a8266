// Route tables and network ACLs.
#include <algorithm>

#include "api/change.h"
#include "api/resolve.h"
#include "api/settle.h"
#include "api/settle_text.h"

namespace weft::api {

using base::Code;

namespace {

Result<model::Route> route_of(Draft& draft, const model::RouteTableId& table, const v1::RouteSpec& spec) {
  model::Route route;
  route.table = table;
  route.destination = TRY(resolve_destination(draft, spec.destination()).in_field("destination"));
  if (std::holds_alternative<net::Prefix>(route.destination)) {
    route.destination = TRY(take_prefix(draft, spec.destination()).in_field("destination"));
  }
  route.target = TRY(resolve_target(draft, spec.target(), {.vpc = draft.get(table).vpc}).in_field("target"));
  return route;
}

Result<model::AclRule> rule_of(Draft& draft, const model::AclId& acl, const v1::AclRuleSpec& spec) {
  model::AclRule rule;
  rule.acl = acl;
  rule.direction = static_cast<model::Direction>(spec.direction());
  if (spec.number() == 0 || spec.number() > model::kHighestAclNumber) {
    return Error{.code = Code::Usage,
                 .what = fmt::format("{} is not 1 to {}", spec.number(), model::kHighestAclNumber),
                 .field = "number"};
  }
  rule.number = static_cast<uint16_t>(spec.number());
  rule.action = static_cast<model::Action>(spec.action());
  rule.traffic = TRY(model::Traffic::parse(spec.traffic().empty() ? "all" : spec.traffic()).in_field("traffic"));
  rule.prefix = TRY(take_prefix(draft, spec.prefix()).in_field("prefix"));
  return rule;
}

}  // namespace

Result<> settle_tables_of_vpc(Draft& draft, const model::VpcId& id, const v1::VpcSpec& spec) {
  model::Vpc vpc = draft.get(id);
  if (!spec.main_table().empty()) {
    vpc.main_table = TRY(resolve_table(draft, spec.main_table(), {.vpc = id}).in_field("main_table"));
  }
  vpc.gateway_table = {};
  if (!spec.gateway_table().empty()) {
    vpc.gateway_table = TRY(resolve_table(draft, spec.gateway_table(), {.vpc = id}).in_field("gateway_table"));
  }
  draft.put(vpc);
  return {};
}

Result<model::RouteTableId> settle_table(Draft& draft, const std::string& name, const v1::RouteTableSpec& spec) {
  const model::VpcId vpc = TRY(resolve_vpc_or_default(draft, spec.vpc()).in_field("vpc"));
  if (const auto* there = find_named<model::RouteTable>(draft, vpc.text, name)) return there->id;
  const model::RouteTable table{.id = draft.make_id<model::RouteTable>(), .name = name, .vpc = vpc};
  draft.put(table);
  return table.id;
}

// A route for the same destination that leads elsewhere is a conflict.
Result<> settle_route(Draft& draft, const model::RouteTableId& table, const v1::RouteSpec& spec) {
  model::Route route = TRY(route_of(draft, table, spec));
  for (const model::RouteId& id : draft.routes_of(table)) {
    const model::Route& there = draft.get(id);
    if (there.destination != route.destination) continue;
    route.id = id;
    return expect_same(there, route);
  }
  route.id = draft.make_id<model::Route>();
  draft.put(route);
  return {};
}

Result<> settle_routes(Draft& draft, const model::RouteTableId& table, const v1::RouteTableSpec& spec) {
  std::vector<model::Route> wanted;
  for (int i = 0; i < spec.routes_size(); ++i) {
    wanted.push_back(TRY(route_of(draft, table, spec.routes(i)).in_field(fmt::format("routes[{}]", i))));
  }
  replace_all(draft, draft.routes_of(table), std::move(wanted));
  return {};
}

Result<model::AclId> settle_acl(Draft& draft, const std::string& name, const v1::AclSpec& spec) {
  const model::VpcId vpc = TRY(resolve_vpc_or_default(draft, spec.vpc()).in_field("vpc"));
  if (const auto* there = find_named<model::Acl>(draft, vpc.text, name)) return there->id;
  const model::Acl acl{.id = draft.make_id<model::Acl>(), .name = name, .vpc = vpc};
  draft.put(acl);
  return acl.id;
}

// Another rule of that number is a conflict.
Result<> settle_acl_rule(Draft& draft, const model::AclId& acl, const v1::AclRuleSpec& spec) {
  model::AclRule rule = TRY(rule_of(draft, acl, spec));
  for (const model::AclRuleId& id : draft.rules_of(acl)) {
    const model::AclRule& there = draft.get(id);
    if (there.direction != rule.direction || there.number != rule.number) continue;
    rule.id = id;
    return expect_same(there, rule);
  }
  rule.id = draft.make_id<model::AclRule>();
  draft.put(rule);
  return {};
}

Result<> settle_acl_rules(Draft& draft, const model::AclId& acl, const v1::AclSpec& spec) {
  std::vector<model::AclRule> wanted;
  for (int i = 0; i < spec.rules_size(); ++i) {
    wanted.push_back(TRY(rule_of(draft, acl, spec.rules(i)).in_field(fmt::format("rules[{}]", i))));
  }
  replace_all(draft, draft.rules_of(acl), std::move(wanted));
  return {};
}

}  // namespace weft::api
