#include "api/explain.h"

#include "api/change.h"
#include "api/view.h"
#include "model/border.h"

namespace weft::api {

namespace {

// Lists what an object refers to and what refers to it.
class Links {
 public:
  Links(const model::State& state, v1::ExplainAnswer& into) : state_(state), into_(into) {}

  void operator()(const model::Machine&) {}
  void operator()(const model::Vpc& vpc) {
    link("default group", vpc.default_group);
    link("main table", vpc.main_table);
    link("default ACL", vpc.default_acl);
    if (!vpc.gateway_table.empty()) link("table of the internet gateway", vpc.gateway_table);
    all("has the subnet", state_.subnets_of(vpc.id));
    all("has the group", state_.groups_of(vpc.id));
    all("has the table", state_.tables_of(vpc.id));
    all("has the ACL", state_.acls_of(vpc.id));
  }
  void operator()(const model::Subnet& subnet) {
    link("in VPC", subnet.vpc);
    link("routes by", state_.table_of(subnet).id);
    link("border by", state_.acl_of(subnet).id);
    all("leased block", state_.blocks_of(subnet.id));
    all("holds", state_.tnis_of(subnet.id));
  }
  void operator()(const model::Block& block) {
    link("of subnet", block.subnet);
    link("leased by", block.machine);
  }
  void operator()(const model::Group& group) {
    link("in VPC", group.vpc);
    all("has the rule", state_.rules_of(group.id));
    all("named by the rule", state_.rules_naming(group.id));
    all("judges", state_.tnis_of(group.id));
  }
  void operator()(const model::Rule& rule) {
    link("of group", rule.group);
    if (const auto* group = std::get_if<model::GroupId>(&rule.peer)) link("peer", *group);
    if (const auto* list = std::get_if<model::PrefixListId>(&rule.peer)) link("peer", *list);
    all("judges", state_.tnis_of(rule.group));
  }
  void operator()(const model::PrefixList& list) {
    all("named by the rule", state_.rules_naming(list.id));
    all("destination of the route", state_.routes_by(list.id));
  }
  void operator()(const model::RouteTable& table) {
    link("in VPC", table.vpc);
    all("has the route", state_.routes_of(table.id));
    for (const model::SubnetId& id : state_.subnets_of(table.vpc)) {
      if (state_.table_of(state_.get(id)).id == table.id) link("used by", id);
    }
  }
  void operator()(const model::Route& route) {
    link("in table", route.table);
    if (const auto* list = std::get_if<model::PrefixListId>(&route.destination)) link("for", *list);
    if (const auto* tni = std::get_if<model::TniId>(&route.target)) link("leads to", *tni);
  }
  void operator()(const model::Acl& acl) {
    link("in VPC", acl.vpc);
    for (const auto direction : {model::Direction::In, model::Direction::Out}) {
      for (const auto& [number, id] : state_.rules_of(acl.id, direction)) link("has the rule", id);
    }
    for (const model::SubnetId& id : state_.subnets_of(acl.vpc)) {
      if (state_.acl_of(state_.get(id)).id == acl.id) link("used by", id);
    }
  }
  void operator()(const model::AclRule& rule) { link("of ACL", rule.acl); }
  void operator()(const model::Tni& tni) {
    link("in VPC", tni.vpc);
    link("in subnet", tni.subnet);
    for (const model::GroupId& group : tni.groups) {
      link("judged by", group);
      all("by the rule", state_.rules_of(group));
    }
    all("target of the route", state_.routes_to(tni.id));
    if (!tni.workload.empty()) link("attached to", tni.workload);
    if (!tni.machine.empty()) link("on machine", tni.machine);
  }
  void operator()(const model::Workload& workload) {
    link("on machine", workload.machine);
    all("has the interface", state_.tnis_of(workload.id));
  }

 private:
  template <class Tag>
  void link(std::string_view relation, const base::Id<Tag>& id) {
    const auto* object = state_.find(id);
    if (object == nullptr) return;
    v1::ExplainLink& out = *into_.add_links();
    out.set_relation(std::string(relation));
    out.set_kind(Tag::kPrefix);
    out.set_id(id.text);
    out.set_name(name(*object));
  }
  template <class Ids>
  void all(std::string_view relation, const Ids& ids) {
    for (const auto& id : ids) link(relation, id);
  }
  template <class T>
  std::string name(const T& object) {
    if constexpr (std::is_same_v<T, model::Rule>) {
      const model::Group& group = state_.get(object.group);
      return fmt::format("{} {} {} {}", group.name, object.direction == model::Direction::In ? "in" : "out",
                         object.traffic.text(), peer_name(state_, object.peer, group.vpc));
    } else if constexpr (std::is_same_v<T, model::AclRule>) {
      return fmt::format("{} {} {} {} {} {}", state_.get(object.acl).name,
                         object.direction == model::Direction::In ? "in" : "out", object.number,
                         object.action == model::Action::Allow ? "allow" : "deny", object.traffic.text(),
                         object.prefix.text());
    } else if constexpr (std::is_same_v<T, model::Route>) {
      const model::RouteTable& table = state_.get(object.table);
      return fmt::format("{} {} to {}", table.name, model::text_of(state_, object.destination),
                         target_name(state_, object.target, table.vpc));
    } else if constexpr (std::is_same_v<T, model::Block>) {
      return object.range.text();
    } else {
      return object.name;
    }
  }

  const model::State& state_;
  v1::ExplainAnswer& into_;
};

}  // namespace

v1::ExplainAnswer explain(const Backend& backend, const model::AnyId& id) {
  v1::ExplainAnswer answer;
  const model::State& state = backend.state();
  std::visit(
      [&](const auto& i) {
        const auto& object = state.get(i);
        answer.set_kind(kind_of(object));
        answer.set_id(i.text);
        answer.set_name(name_of(model::Object(object)));
        Links(state, answer)(object);
      },
      id);
  for (std::string& line : backend.held_for(id)) answer.add_holds(std::move(line));
  for (const Problem& problem : backend.problems()) {
    if (problem.id == answer.id()) *answer.add_problems() = view(state, problem);
  }
  return answer;
}

}  // namespace weft::api
