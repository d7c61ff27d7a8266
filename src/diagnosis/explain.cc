#include "diagnosis/explain.h"

#include <algorithm>

namespace weft::diagnosis {

namespace {

using datapath::Interface;
using datapath::PolicyTables;
using model::Direction;

std::string plural(size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

uint32_t set_of(uint32_t table) { return (table & ~uint32_t{abi::TABLE_AUDIT}) / 2; }

// How much of the policy tables belongs to some group sets.
struct Share {
  size_t prefixes = 0, identities = 0;
  std::set<uint32_t> classes;
};
Share share_of(const PolicyTables& tables, const std::set<uint32_t>& sets) {
  Share share;
  for (const auto& [key, rule_class] : tables.prefixes) {
    if (!sets.contains(set_of(key.table))) continue;
    ++share.prefixes;
    share.classes.insert(rule_class);
  }
  for (const auto& [key, rule_class] : tables.identities) {
    if (!sets.contains(set_of(key.table))) continue;
    ++share.identities;
    share.classes.insert(rule_class);
  }
  share.classes.erase(0);
  return share;
}

class Held {
 public:
  Held(const model::State& state, const datapath::Datapath& datapath, const datapath::Names& names,
       const model::MachineId& self)
      : state_(state), datapath_(datapath), names_(names), self_(self) {}

  void operator()(const model::Machine& machine) {
    if (machine.id != self_) return;
    line("network namespace {}, where the machine's sides of all interfaces are", names_.own_netns());
    size_t interfaces = 0;
    for (const auto& [id, tni] : state_.all<model::Tni>()) interfaces += interface_of(tni).has_value();
    line("{} of interfaces that are attached here", plural(interfaces, "pair", "pairs"));
  }
  void operator()(const model::Vpc& vpc) {
    const auto slot = datapath_.slot_of(vpc.id);
    if (!slot) return;
    line("slot {} of the VPCs", *slot);
    line("{}, marked as this VPC's", plural(vpc.cidrs.size() + vpc.cidr6.has_value(), "range", "ranges"));
    const auto row = datapath_.bpf().vpcs.get(*slot);
    if (row.ok() && row->gateway != 0)
      line("a gateway behind device {} of namespace {}", row->gateway, names_.own_netns());
  }
  void operator()(const model::Subnet& subnet) {
    if (!datapath_.slot_of(subnet.vpc)) return;
    const size_t families = subnet.cidr6 ? 2 : 1;
    line("{} that the router and the resolver answer for", plural(2 * families, "address", "addresses"));
  }
  void operator()(const model::Block&) {}
  void operator()(const model::Group& group) { line_for_rules(sets_with(group.id)); }
  void operator()(const model::Rule& rule) {
    const auto slot = datapath_.slot_of_rule(rule.id.number());
    if (!slot) return;
    line("slot {} of the rules", *slot);
    const std::set<uint32_t> sets = sets_with(rule.group);
    line("a part of the {} tables of {}", rule.direction == Direction::In ? "ingress" : "egress",
         plural(sets.size(), "group set", "group sets"));
    const auto hits = datapath_.hits_of(rule.id);
    if (hits.ok()) line("a counter: {} allowed so far", plural(*hits, "flow", "flows"));
  }
  void operator()(const model::PrefixList& list) {
    std::set<uint32_t> sets;
    for (const model::RuleId& id : state_.rules_naming(list.id)) sets.merge(sets_with(state_.get(id).group));
    line_for_rules(sets);
  }
  void operator()(const model::RouteTable& table) {
    const size_t rows = datapath_.borders().count_rows(table.id);
    if (rows != 0) line("{} of the routes", plural(rows, "row", "rows"));
  }
  void operator()(const model::Route& route) {
    if (const auto* table = state_.find(route.table)) (*this)(*table);
  }
  void operator()(const model::Acl& acl) {
    if (const auto slot = datapath_.borders().slot_of(acl.id)) line("slot {} of the ACLs", *slot);
  }
  void operator()(const model::AclRule& rule) {
    const auto hits = datapath_.hits_of(rule.id);
    if (hits.ok()) line("a counter: {} of flows decided so far", plural(*hits, "direction", "directions"));
  }
  void operator()(const model::Tni& tni) {
    const auto interface = interface_of(tni);
    const auto slot = datapath_.slot_of(tni.id);
    if (interface) line_for_interface(*interface);
    if (slot) line("slot {} of the interfaces{}", *slot, interface ? "" : ", kept until others need it");
    if (interface && slot)
      line("{}, marked as this interface's", plural(tni.addresses().size(), "address", "addresses"));
    const uint32_t set = datapath_.policy().set_slot(tni.groups);
    line("group set {}, shared with {}", set, plural(tnis_with(tni.groups) - 1, "other interface", "other interfaces"));
    line_for_rules({set});
    if (!interface || !slot) return;
    if (const auto flows = datapath_.bpf().flow_counts.get(*slot); flows.ok()) {
      line("{} in the flow table", plural(*flows, "flow", "flows"));
    }
  }
  void operator()(const model::Workload& workload) {
    if (workload.machine != self_) return;
    if (workload.kind != model::WorkloadKind::Machine) line("network namespace {}", names_.netns_of(workload.id));
    for (const model::TniId& id : state_.tnis_of(workload.id)) {
      if (const auto interface = interface_of(state_.get(id))) line_for_interface(*interface);
    }
    for (const model::Publication& publication : workload.publish) {
      line("port {} of {}, kept for port {} of it", publication.port,
           publication.address ? publication.address->text() : "every address", publication.target_port);
    }
  }

  std::vector<std::string> lines() && { return std::move(lines_); }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    lines_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  std::optional<Interface> interface_of(const model::Tni& tni) const {
    return compile_interface(state_, self_, names_, tni);
  }
  void line_for_interface(const Interface& interface) {
    const std::string where = interface.netns.empty() ? "of the machine" : "of namespace " + interface.netns;
    line("device {} {}, the other end being {} of {}", interface.device, where, interface.machine_side,
         names_.own_netns());
  }
  void line_for_rules(const std::set<uint32_t>& sets) {
    if (sets.empty()) return;
    const Share share = share_of(datapath_.policy().tables(), sets);
    line("{} and {} of the policy, which lead to {} of rules", plural(share.prefixes, "prefix entry", "prefix entries"),
         plural(share.identities, "identity entry", "identity entries"),
         plural(share.classes.size(), "class", "classes"));
  }

  // Slots of the sets in use that have the group.
  std::set<uint32_t> sets_with(const model::GroupId& group) const {
    std::set<uint32_t> sets;
    for (const model::TniId& id : state_.tnis_of(group)) {
      const uint32_t slot = datapath_.policy().set_slot(state_.get(id).groups);
      if (slot != 0) sets.insert(slot);
    }
    return sets;
  }
  size_t tnis_with(const datapath::GroupSet& groups) const {
    const auto& tnis = state_.tnis_of(groups.front());
    return static_cast<size_t>(std::count_if(tnis.begin(), tnis.end(),
                                             [&](const model::TniId& id) { return state_.get(id).groups == groups; }));
  }

  const model::State& state_;
  const datapath::Datapath& datapath_;
  const datapath::Names& names_;
  const model::MachineId& self_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> held_for(const model::State& state, const datapath::Datapath& datapath,
                                  const datapath::Names& names, const model::MachineId& self, const model::AnyId& id) {
  Held held(state, datapath, names, self);
  std::visit(
      [&](const auto& i) {
        if (const auto* object = state.find(i)) held(*object);
      },
      id);
  return std::move(held).lines();
}

}  // namespace weft::diagnosis
