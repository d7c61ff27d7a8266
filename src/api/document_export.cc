// The state as documents.
#include <algorithm>

#include "api/document.h"
#include "api/resolve.h"
#include "api/settle_text.h"
#include "api/view.h"
#include "model/border.h"
#include "schema/text.h"

namespace weft::api {

using schema::OrderedJson;

namespace {

OrderedJson document(std::string_view kind, const std::string& name, const google::protobuf::Message& spec) {
  OrderedJson out;
  out["kind"] = kind;
  out["name"] = name;
  out["spec"] = schema::to_json(spec, schema::Fields::NonZero);
  return out;
}

template <class T>
std::string text_or_none(const std::optional<T>& value) {
  return value ? value->text() : "none";
}

// Every machine makes a default VPC before anybody asks, with a random IPv6 range, a
// unique local one: what stands there already can't have the one of here.
template <class T>
std::string text6_of(const std::optional<T>& value, const model::Vpc& vpc) {
  static const net::Prefix kLocal = *net::Prefix::parse("fc00::/7");
  const bool is_random = vpc.name == kDefaultName && vpc.cidr6 && kLocal.contains(vpc.cidr6->first());
  return value && is_random ? "auto" : text_or_none(value);
}

v1::VpcSpec spec_of(const model::State& state, const model::Vpc& vpc) {
  v1::VpcSpec spec;
  for (const net::Prefix& range : vpc.cidrs) spec.add_cidrs(range.text());
  spec.set_cidr6(text6_of(vpc.cidr6, vpc));
  spec.set_internet(static_cast<v1::Internet>(vpc.internet));
  spec.set_egress_only(static_cast<v1::Internet>(vpc.egress_only));
  spec.set_main_table(state.get(vpc.main_table).name);
  if (!vpc.gateway_table.empty()) spec.set_gateway_table(state.get(vpc.gateway_table).name);
  return spec;
}

v1::RouteTableSpec spec_of(const model::State& state, const model::RouteTable& table) {
  v1::RouteTableSpec spec;
  spec.set_vpc(state.get(table.vpc).name);
  for (const model::RouteId& id : state.routes_of(table.id)) {
    const model::Route& route = state.get(id);
    const auto* tni = std::get_if<model::TniId>(&route.target);
    if (tni != nullptr && state.find(*tni) == nullptr) continue;  // nothing could say where it led
    v1::RouteSpec& out = *spec.add_routes();
    out.set_destination(model::text_of(state, route.destination));
    out.set_target(target_name(state, route.target, table.vpc));
  }
  return spec;
}

v1::AclSpec spec_of(const model::State& state, const model::Acl& acl) {
  v1::AclSpec spec;
  spec.set_vpc(state.get(acl.vpc).name);
  for (const auto direction : {model::Direction::In, model::Direction::Out}) {
    for (const auto& [number, id] : state.rules_of(acl.id, direction)) {
      const model::AclRule& rule = state.get(id);
      v1::AclRuleSpec& out = *spec.add_rules();
      out.set_direction(static_cast<v1::Direction>(direction));
      out.set_number(number);
      out.set_action(static_cast<v1::AclAction>(rule.action));
      out.set_traffic(rule.traffic.text());
      out.set_prefix(rule.prefix.text());
    }
  }
  return spec;
}

v1::SubnetSpec spec_of(const model::State& state, const model::Subnet& subnet) {
  v1::SubnetSpec spec;
  const model::Vpc& vpc = state.get(subnet.vpc);
  spec.set_vpc(vpc.name);
  spec.set_cidr(subnet.cidr.text());
  spec.set_cidr6(text6_of(subnet.cidr6, vpc));
  if (!subnet.table.empty()) spec.set_table(state.get(subnet.table).name);
  if (!subnet.acl.empty()) spec.set_acl(state.get(subnet.acl).name);
  return spec;
}

v1::RuleSpec spec_of(const model::State& state, const model::Rule& rule, const model::VpcId& home) {
  v1::RuleSpec spec;
  spec.set_direction(static_cast<v1::Direction>(rule.direction));
  spec.set_traffic(rule.traffic.text());
  spec.set_peer(peer_name(state, rule.peer, home));
  if (rule.until) spec.set_until(schema::to_text(*rule.until));
  spec.set_mode(static_cast<v1::Mode>(rule.mode));
  spec.set_description(rule.description);
  return spec;
}

v1::GroupSpec spec_of(const model::State& state, const model::Group& group) {
  v1::GroupSpec spec;
  spec.set_vpc(state.get(group.vpc).name);
  spec.set_on_revoke(static_cast<v1::OnRevoke>(group.on_revoke));
  spec.set_description(group.description);
  bool says_egress = false;
  for (const model::RuleId& id : state.rules_of(group.id)) {
    const model::Rule& rule = state.get(id);
    says_egress |= rule.direction == model::Direction::Out;
    *spec.add_rules() = spec_of(state, rule, group.vpc);
  }
  spec.set_no_egress(!says_egress);
  return spec;
}

v1::PrefixListSpec spec_of(const model::PrefixList& list) {
  v1::PrefixListSpec spec;
  for (const net::Prefix& prefix : list.prefixes) spec.add_prefixes(prefix.text());
  return spec;
}

std::string subnet_name(const model::State& state, const model::SubnetId& id) {
  const model::Subnet& subnet = state.get(id);
  return state.get(subnet.vpc).name + "/" + subnet.name;
}

v1::TniSpec spec_of(const model::State& state, const model::Tni& tni) {
  v1::TniSpec spec;
  spec.set_subnet(subnet_name(state, tni.subnet));
  spec.set_ip(tni.ip.text());
  for (const net::Address& address : tni.secondary) spec.add_secondary(address.text());
  spec.set_ip6(text6_of(tni.ip6, state.get(tni.vpc)));
  for (const model::GroupId& group : tni.groups) spec.add_groups(state.get(group).name);
  spec.set_source_check(static_cast<v1::SourceCheck>(tni.source_check));
  if (tni.timeouts != model::FlowTimeouts{}) {
    v1::FlowTimeouts& timeouts = *spec.mutable_timeouts();
    timeouts.set_tcp_opening(tni.timeouts.tcp_opening);
    timeouts.set_tcp_established(tni.timeouts.tcp_established);
    timeouts.set_tcp_closing(tni.timeouts.tcp_closing);
    timeouts.set_udp_one_way(tni.timeouts.udp_one_way);
    timeouts.set_udp_both_ways(tni.timeouts.udp_both_ways);
    timeouts.set_other(tni.timeouts.other);
  }
  return spec;
}

std::vector<const model::Tni*> interfaces_of(const model::State& state, const model::WorkloadId& workload) {
  std::vector<const model::Tni*> tnis;
  for (const model::TniId& id : state.tnis_of(workload)) tnis.push_back(&state.get(id));
  std::sort(tnis.begin(), tnis.end(), [](const auto* a, const auto* b) { return a->device < b->device; });
  return tnis;
}

void put_interfaces(const model::State& state, const model::Workload& workload, v1::WorkloadSpec& spec) {
  for (const model::Tni* tni : interfaces_of(state, workload.id)) {
    if (tni->lifetime == model::Lifetime::Own) {
      spec.add_tnis(state.get(tni->vpc).name + "/" + tni->name);
      continue;
    }
    const v1::TniSpec own = spec_of(state, *tni);
    spec.set_subnet(own.subnet());
    spec.set_ip(own.ip());
    spec.set_ip6(own.ip6());
    *spec.mutable_groups() = own.groups();
  }
}

v1::WorkloadSpec spec_of(const model::State& state, const model::Workload& workload) {
  v1::WorkloadSpec spec;
  put_interfaces(state, workload, spec);
  for (const model::Publication& publication : workload.publish) spec.add_publish(to_text(publication));
  for (const std::string& entry : workload.env) spec.add_env(entry);
  spec.set_memory(size_text(workload.limits.memory));
  spec.set_cpus(cpus_text(workload.limits.milli_cpus));
  if (workload.limits.pids != 0) spec.set_pids(workload.limits.pids);
  spec.set_restart(static_cast<v1::Restart>(workload.restart));
  spec.set_user(workload.user);
  spec.set_workdir(workload.workdir);
  spec.set_tty(workload.terminal == model::Terminal::Given);
  spec.set_external(workload.kind == model::WorkloadKind::External);
  for (const std::string& word : workload.command) spec.add_command(word);
  spec.set_wanted(static_cast<v1::Wanted>(workload.wanted));
  return spec;
}

bool is_kept(const model::Workload& workload) {
  return workload.kind != model::WorkloadKind::Machine && workload.keep == model::Keep::AfterExit;
}

bool stands_alone(const model::State& state, const model::Tni& tni) {
  if (tni.lifetime == model::Lifetime::WithWorkload) return false;
  const model::Workload* workload = tni.workload.empty() ? nullptr : state.find(tni.workload);
  return workload == nullptr || workload->kind != model::WorkloadKind::Machine;
}

bool has_tni_in(const model::State& state, const model::WorkloadId& workload, const model::VpcId& vpc) {
  const auto& tnis = state.tnis_of(workload);
  return std::any_of(tnis.begin(), tnis.end(), [&](const auto& id) { return state.get(id).vpc == vpc; });
}

// Whether a rule of the VPC's groups, or a route of its tables, names it.
bool is_named_in(const model::State& state, const model::PrefixListId& list, const model::VpcId& vpc) {
  const auto& rules = state.rules_naming(list);
  const auto& routes = state.routes_by(list);
  if (std::any_of(routes.begin(), routes.end(),
                  [&](const auto& id) { return state.get(state.get(id).table).vpc == vpc; })) {
    return true;
  }
  return std::any_of(rules.begin(), rules.end(),
                     [&](const auto& id) { return state.get(state.get(id).group).vpc == vpc; });
}

}  // namespace

std::vector<OrderedJson> export_documents(const model::State& state, const model::VpcId& only) {
  const bool all = only.empty();
  std::vector<OrderedJson> out;
  for (const auto& [id, vpc] : state.all<model::Vpc>()) {
    if (all || id == only) out.push_back(document("vpc", vpc.name, spec_of(state, vpc)));
  }
  for (const auto& [id, list] : state.all<model::PrefixList>()) {
    if (all || is_named_in(state, id, only)) out.push_back(document("pl", list.name, spec_of(list)));
  }
  for (const auto& [id, table] : state.all<model::RouteTable>()) {
    if (all || table.vpc == only) out.push_back(document("table", table.name, spec_of(state, table)));
  }
  for (const auto& [id, acl] : state.all<model::Acl>()) {
    if (all || acl.vpc == only) out.push_back(document("acl", acl.name, spec_of(state, acl)));
  }
  for (const auto& [id, subnet] : state.all<model::Subnet>()) {
    if (all || subnet.vpc == only) out.push_back(document("subnet", subnet.name, spec_of(state, subnet)));
  }
  for (const auto& [id, group] : state.all<model::Group>()) {
    if (all || group.vpc == only) out.push_back(document("sg", group.name, spec_of(state, group)));
  }
  for (const auto& [id, tni] : state.all<model::Tni>()) {
    if (stands_alone(state, tni) && (all || tni.vpc == only)) {
      out.push_back(document("tni", tni.name, spec_of(state, tni)));
    }
  }
  for (const auto& [id, workload] : state.all<model::Workload>()) {
    if (is_kept(workload) && (all || has_tni_in(state, id, only))) {
      out.push_back(document("workload", workload.name, spec_of(state, workload)));
    }
  }
  return out;
}

}  // namespace weft::api
