// RouteTables, Routes, InternetGateways and Acls.
#include <algorithm>

#include "api/list.h"
#include "api/method.h"
#include "api/services.h"
#include "api/settle.h"
#include "api/view.h"
#include "base/text.h"

namespace weft::api {

using base::Code;

namespace {

Result<v1::Created> create_table(Draft& draft, const v1::RouteTableCreateRequest& request) {
  v1::RouteTableSpec spec;
  spec.set_vpc(request.vpc());
  const auto placed = TRY(place(draft, request.name(), spec));
  const auto id = TRY(settle_table(draft, placed.name, placed.spec));
  return created(id.text, placed.name);
}

Result<v1::RouteTableListAnswer> list_tables(const Asked& asked, const v1::ListRequest& request) {
  return list_in_vpc<model::RouteTable, v1::RouteTableListAnswer>(
      asked, request, [&](const model::RouteTable& object) { return view(asked.backend.state(), object); });
}

Result<v1::RouteTableItem> get_table(const Asked& asked, const v1::GetRequest& request) {
  const model::State& state = asked.backend.state();
  const auto id = TRY(resolve_table(asked.draft, request.name()).in_field("name"));
  v1::RouteTableItem item = view(state, state.get(id));
  for (v1::RouteItem& route : view_routes(state, id)) *item.add_items() = std::move(route);
  return item;
}

// Its routes go with it.
Result<v1::Changed> remove_table(Draft& draft, const v1::RemoveRequest& request) {
  const auto id = TRY(resolve_table(draft, request.name()).in_field("name"));
  for (const model::RouteId& route : draft.routes_of(id)) draft.remove(route);
  draft.remove(id);
  return v1::Changed();
}

Result<v1::Changed> add_route(Draft& draft, const v1::RouteAddRequest& request) {
  const auto table = TRY(resolve_table(draft, request.table()).in_field("table"));
  v1::RouteSpec spec;
  spec.set_destination(request.destination());
  spec.set_target(request.target());
  TRY_VOID(settle_route(draft, table, spec));
  return v1::Changed();
}

Result<v1::Changed> remove_route(Draft& draft, const v1::RouteRemoveRequest& request) {
  const auto table = TRY(resolve_table(draft, request.table()).in_field("table"));
  const auto destination = TRY(resolve_destination(draft, request.destination()).in_field("destination"));
  for (const model::RouteId& id : draft.routes_of(table)) {
    if (draft.get(id).destination != destination) continue;
    draft.remove(id);
    return v1::Changed();
  }
  const model::Vpc& vpc = draft.get(draft.get(table).vpc);
  const auto* prefix = std::get_if<net::Prefix>(&destination);
  const auto ranges = model::ranges_of(vpc);
  if (prefix != nullptr && std::find(ranges.begin(), ranges.end(), *prefix) != ranges.end()) {
    return Error{.code = Code::Conflict,
                 .what = fmt::format("{} is local, which can't be removed", prefix->text()),
                 .field = "destination",
                 .holder = vpc.id.text};
  }
  return Error{.code = Code::NotFound,
               .what = fmt::format("table {} has no route for {}", draft.get(table).name,
                                   base::printable(request.destination())),
               .field = "destination"};
}

Result<v1::RouteListAnswer> list_routes(const Asked& asked, const v1::RouteListRequest& request) {
  const auto table = TRY(resolve_table(asked.draft, request.table()).in_field("table"));
  v1::RouteListAnswer answer;
  for (v1::RouteItem& route : view_routes(asked.backend.state(), table)) *answer.add_items() = std::move(route);
  return answer;
}

model::Internet& gateway_of(model::Vpc& vpc, bool egress_only) { return egress_only ? vpc.egress_only : vpc.internet; }

Error no_table_of_its_own() {
  return Error{.code = Code::Usage, .what = "an egress-only gateway brings nothing in", .field = "table"};
}

Result<v1::Changed> attach_gateway(Draft& draft, const v1::GatewayAttachRequest& request) {
  model::Vpc vpc = draft.get(TRY(resolve_vpc(draft, request.vpc()).in_field("vpc")));
  if (request.egress_only() && !vpc.cidr6) {
    return Error{.code = Code::Usage,
                 .what = fmt::format("an egress-only gateway is for IPv6, and VPC {} has none", vpc.name),
                 .field = "egress_only"};
  }
  gateway_of(vpc, request.egress_only()) = model::Internet::Attached;
  if (!request.table().empty()) {
    if (request.egress_only()) return no_table_of_its_own();
    vpc.gateway_table = TRY(resolve_table(draft, request.table(), {.vpc = vpc.id}).in_field("table"));
  }
  draft.put(vpc);
  return v1::Changed();
}

Result<v1::Changed> detach_gateway(Draft& draft, const v1::GatewayDetachRequest& request) {
  model::Vpc vpc = draft.get(TRY(resolve_vpc(draft, request.vpc()).in_field("vpc")));
  if (request.table().empty()) {
    gateway_of(vpc, request.egress_only()) = model::Internet::None;
    if (!request.egress_only()) vpc.gateway_table = {};
  } else {
    if (request.egress_only()) return no_table_of_its_own();
    const auto table = TRY(resolve_table(draft, request.table(), {.vpc = vpc.id}).in_field("table"));
    if (vpc.gateway_table == table) vpc.gateway_table = {};
  }
  draft.put(vpc);
  return v1::Changed();
}

Result<v1::GatewayListAnswer> list_gateways(const Asked& asked, const v1::GatewayListRequest&) {
  const model::State& state = asked.backend.state();
  v1::GatewayListAnswer answer;
  for (const auto& [id, vpc] : state.all<model::Vpc>()) {
    if (vpc.internet == model::Internet::Attached) *answer.add_items() = view_gateway(state, vpc, model::Way::Internet);
    if (vpc.egress_only == model::Internet::Attached) {
      *answer.add_items() = view_gateway(state, vpc, model::Way::EgressOnly);
    }
  }
  const auto key = [](const v1::GatewayItem* item) { return std::tie(item->vpc_name(), item->name()); };
  auto& items = *answer.mutable_items();
  std::sort(items.pointer_begin(), items.pointer_end(), [&](const auto* a, const auto* b) { return key(a) < key(b); });
  return answer;
}

Result<v1::Created> create_acl(Draft& draft, const v1::AclCreateRequest& request) {
  v1::AclSpec spec;
  spec.set_vpc(request.vpc());
  const auto placed = TRY(place(draft, request.name(), spec));
  const auto id = TRY(settle_acl(draft, placed.name, placed.spec));
  return created(id.text, placed.name);
}

Result<v1::Changed> add_acl_rule(Draft& draft, const v1::AclAddRequest& request) {
  const auto acl = TRY(resolve_acl(draft, request.acl()).in_field("acl"));
  v1::AclRuleSpec spec;
  spec.set_direction(request.direction());
  spec.set_number(request.number());
  spec.set_action(request.action());
  spec.set_traffic(request.traffic());
  spec.set_prefix(request.prefix());
  TRY_VOID(settle_acl_rule(draft, acl, spec));
  return v1::Changed();
}

Result<v1::AclListAnswer> list_acls(const Asked& asked, const v1::ListRequest& request) {
  return list_in_vpc<model::Acl, v1::AclListAnswer>(
      asked, request, [&](const model::Acl& object) { return view(asked.backend.state(), object); });
}

Result<v1::AclItem> get_acl(const Asked& asked, const v1::GetRequest& request) {
  const auto id = TRY(resolve_acl(asked.draft, request.name()).in_field("name"));
  return view_whole(asked.backend, asked.draft.get(id));
}

Result<v1::Changed> remove_acl(Draft& draft, const v1::AclRemoveRequest& request) {
  const auto id = TRY(resolve_acl(draft, request.name()).in_field("name"));
  if (request.has_direction() != request.has_number()) {
    return Error{.code = Code::Usage, .what = "a rule is named by its direction and its number", .field = "number"};
  }
  const auto rules = draft.rules_of(id);
  if (request.has_number()) {
    const auto is_named = [&](const model::AclRuleId& rule) {
      return static_cast<int>(draft.get(rule).direction) == static_cast<int>(request.direction()) &&
             draft.get(rule).number == request.number();
    };
    const auto found = std::find_if(rules.begin(), rules.end(), is_named);
    if (found == rules.end()) {
      return Error{.code = Code::NotFound,
                   .what = fmt::format("ACL {} has no rule {} in this direction", draft.get(id).name, request.number()),
                   .field = "number"};
    }
    draft.remove(*found);
    return v1::Changed();
  }
  for (const model::AclRuleId& rule : rules) draft.remove(rule);
  draft.remove(id);
  return v1::Changed();
}

}  // namespace

void add_borders(Dispatch& dispatch) {
  add_write(dispatch, "RouteTables/Create", create_table);
  add_read(dispatch, "RouteTables/List", list_tables);
  add_read(dispatch, "RouteTables/Get", get_table);
  add_write(dispatch, "RouteTables/Remove", remove_table);
  add_write(dispatch, "Routes/Add", add_route);
  add_write(dispatch, "Routes/Remove", remove_route);
  add_read(dispatch, "Routes/List", list_routes);
  add_write(dispatch, "InternetGateways/Attach", attach_gateway);
  add_write(dispatch, "InternetGateways/Detach", detach_gateway);
  add_read(dispatch, "InternetGateways/List", list_gateways);
  add_write(dispatch, "Acls/Create", create_acl);
  add_write(dispatch, "Acls/Add", add_acl_rule);
  add_read(dispatch, "Acls/List", list_acls);
  add_read(dispatch, "Acls/Get", get_acl);
  add_write(dispatch, "Acls/Remove", remove_acl);
}

}  // namespace weft::api
