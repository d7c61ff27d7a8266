#include "datapath/borders.h"

#include <algorithm>

#include "model/border.h"

namespace weft::datapath {

namespace {

uint32_t hop(abi::hop_kind kind, uint32_t slot = 0) { return static_cast<uint32_t>(kind) << 24 | slot; }

uint32_t hop_of(const model::State& state, const model::Vpc& vpc, const model::RouteTarget& target, net::Family family,
                const Borders::Places& places) {
  if (!model::leads_somewhere(state, vpc, target, family)) return hop(abi::HOP_BLACKHOLE);
  if (const auto* tni = std::get_if<model::TniId>(&target)) {
    const uint32_t slot = places.tni(*tni);
    return slot == 0 ? hop(abi::HOP_BLACKHOLE) : hop(abi::HOP_TNI, slot);
  }
  const bool egress_only = std::get<model::Way>(target) == model::Way::EgressOnly;
  return hop(egress_only ? abi::HOP_EGRESS_ONLY : abi::HOP_INTERNET);
}

AclRows rows_of(const model::State& state, const model::AclId& acl, model::Direction direction) {
  AclRows rows;
  for (const auto& [number, id] : state.rules_of(acl, direction)) rows.push_back(state.get(id));
  return rows;
}

}  // namespace

std::map<net::Prefix, uint32_t> compile_table(const model::State& state, const model::RouteTable& table,
                                              const Borders::Places& places) {
  const model::Vpc& vpc = state.get(table.vpc);
  std::map<net::Prefix, uint32_t> rows;
  for (const net::Prefix& range : model::ranges_of(vpc)) rows[range] = hop(abi::HOP_LOCAL);
  const auto& routes = state.routes_of(table.id);
  for (const model::RouteId& id : routes) {
    const model::Route& route = state.get(id);
    if (const auto* prefix = std::get_if<net::Prefix>(&route.destination)) {
      rows.try_emplace(*prefix, hop_of(state, vpc, route.target, prefix->family(), places));
    }
  }
  // Where two lists have the same prefix, the route with the lower id stays.
  for (const model::RouteId& id : routes) {
    const model::Route& route = state.get(id);
    const auto* list = std::get_if<model::PrefixListId>(&route.destination);
    if (list == nullptr) continue;
    for (const net::Prefix& prefix : state.get(*list).prefixes) {
      if (!model::counts_in_list(vpc, prefix)) continue;
      rows.try_emplace(prefix, hop_of(state, vpc, route.target, prefix.family(), places));
    }
  }
  return rows;
}

Borders::Dirty Borders::dirty_after(const model::State& state, const model::Changes& changes) const {
  Dirty dirty;
  const auto note = [&](const model::Object& object) {
    if (const auto* vpc = std::get_if<model::Vpc>(&object)) {
      dirty.vpcs.insert(vpc->id);
      const auto& tables = state.tables_of(vpc->id);
      dirty.tables.insert(tables.begin(), tables.end());
      const auto& subnets = state.subnets_of(vpc->id);
      dirty.subnets.insert(subnets.begin(), subnets.end());
    } else if (const auto* subnet = std::get_if<model::Subnet>(&object)) {
      dirty.subnets.insert(subnet->id);
    } else if (const auto* table = std::get_if<model::RouteTable>(&object)) {
      dirty.tables.insert(table->id);
    } else if (const auto* route = std::get_if<model::Route>(&object)) {
      dirty.tables.insert(route->table);
    } else if (const auto* list = std::get_if<model::PrefixList>(&object)) {
      for (const model::RouteId& id : state.routes_by(list->id)) dirty.tables.insert(state.get(id).table);
    } else if (const auto* tni = std::get_if<model::Tni>(&object)) {
      for (const model::RouteId& id : state.routes_to(tni->id)) dirty.tables.insert(state.get(id).table);
    } else if (const auto* acl = std::get_if<model::Acl>(&object)) {
      dirty.acls.insert(acl->id);
    } else if (const auto* rule = std::get_if<model::AclRule>(&object)) {
      dirty.acls.insert(rule->acl);
    }
  };
  for (const model::Change& change : changes) {
    if (change.before) note(*change.before);
    if (change.after) note(*change.after);
  }
  return dirty;
}

void Borders::put_route(const RouteKey& key, uint32_t wanted, BorderPlan& plan) {
  const auto there = tables_.routes.find(key);
  const uint32_t before = there == tables_.routes.end() ? 0 : there->second;
  if (before == wanted) return;
  plan.routes.push_back({.key = key, .before = before, .after = wanted});
  if (wanted == 0) {
    plan.gone_routes.push_back(key);
    tables_.routes.erase(there);
  } else {
    tables_.routes[key] = wanted;
  }
}

void Borders::settle_table(const model::State& state, const model::RouteTableId& id, const Places& places,
                           BorderPlan& plan) {
  const model::RouteTable* table = state.find(id);
  if (table != nullptr) vpc_of_table_[id] = table->vpc;
  const auto vpc = vpc_of_table_.find(id);
  if (vpc == vpc_of_table_.end()) return;
  const auto slot = table != nullptr ? route_tables_.take(id) : route_tables_.find(id);
  problems_.erase(id.text);
  if (!slot) {
    problems_[id.text] = fmt::format("the data path holds {} route tables at most", abi::MOST_TABLES - 1);
    return;
  }
  const auto wanted = table != nullptr ? compile_table(state, *table, places) : std::map<net::Prefix, uint32_t>();
  const size_t before = plan.routes.size();
  std::vector<RouteKey> gone;
  for (auto row = tables_.routes.lower_bound({.table = *slot, .prefix = {}});
       row != tables_.routes.end() && row->first.table == *slot; ++row) {
    if (!wanted.contains(row->first.prefix)) gone.push_back(row->first);
  }
  for (const RouteKey& key : gone) put_route(key, 0, plan);
  for (const auto& [prefix, to] : wanted) put_route({.table = *slot, .prefix = prefix}, to, plan);
  if (plan.routes.size() != before) touch(vpc->second);
  if (table != nullptr) return;
  route_tables_.drop(id);
  plan.gone_tables.push_back(*slot);
  vpc_of_table_.erase(vpc);
}

void Borders::settle_acl(const model::State& state, const model::AclId& id, Dirty& dirty, BorderPlan& plan) {
  const model::Acl* acl = state.find(id);
  if (acl != nullptr) vpc_of_acl_[id] = acl->vpc;
  const auto vpc = vpc_of_acl_.find(id);
  if (vpc == vpc_of_acl_.end()) return;
  constexpr std::array kDirections = {model::Direction::In, model::Direction::Out};
  const auto held = acls_.find(id);
  if (acl != nullptr && held != acls_.end() &&
      std::all_of(kDirections.begin(), kDirections.end(), [&](const model::Direction direction) {
        return tables_.acls.at({held->second.slot, direction}) == rows_of(state, id, direction);
      })) {
    return;
  }
  touch(vpc->second);
  if (held != acls_.end()) {
    for (const model::Direction direction : kDirections) {
      tables_.acls.erase({held->second.slot, direction});
      plan.gone_acls.push_back({held->second.slot, direction});
    }
    acl_slots_.drop(held->second.number);
    plan.gone_acl_slots.push_back(held->second.slot);
    acls_.erase(held);
  }
  problems_.erase(id.text);
  if (acl == nullptr) {
    vpc_of_acl_.erase(vpc);
    return;
  }
  const uint64_t number = next_acl_++;
  const auto slot = acl_slots_.take(number);
  for (const model::SubnetId& subnet : state.subnets_of(acl->vpc)) {
    if (state.acl_of(state.get(subnet)).id == id) dirty.subnets.insert(subnet);
  }
  if (!slot) {
    problems_[id.text] = fmt::format("the data path holds {} ACLs at most", abi::MOST_ACLS - 1);
    return;
  }
  acls_[id] = {.number = number, .slot = *slot};
  for (const model::Direction direction : kDirections) {
    plan.acls[{*slot, direction}] = tables_.acls[{*slot, direction}] = rows_of(state, id, direction);
  }
}

uint32_t Borders::take_subnet(const model::SubnetId& id) { return subnets_.take(id).value_or(0); }

void Borders::settle_subnet(const model::State& state, const model::SubnetId& id, BorderPlan& plan) {
  const model::Subnet* subnet = state.find(id);
  if (subnet != nullptr) vpc_of_subnet_[id] = subnet->vpc;
  const auto vpc = vpc_of_subnet_.find(id);
  const uint32_t slot = subnet != nullptr ? take_subnet(id) : slot_of(id);
  problems_.erase(id.text);
  if (slot == 0) {
    if (subnet != nullptr) {
      problems_[id.text] = fmt::format("the data path holds {} subnets at most", abi::MOST_SUBNETS - 1);
    }
    return;
  }
  const auto there = tables_.subnets.find(slot);
  const SubnetRow before = there == tables_.subnets.end() ? SubnetRow() : there->second;
  if (subnet == nullptr) {
    tables_.subnets.erase(slot);
    subnets_.drop(id);
    plan.gone_subnets.push_back(slot);
    if (vpc != vpc_of_subnet_.end()) {
      touch(vpc->second);
      vpc_of_subnet_.erase(vpc);
    }
    return;
  }
  const auto acl = acls_.find(state.acl_of(*subnet).id);
  const SubnetRow wanted{.id = id.number(),
                         .table = route_tables_.find(state.table_of(*subnet).id).value_or(0),
                         .acl = acl == acls_.end() ? 0 : acl->second.slot};
  if (before == wanted) return;
  tables_.subnets[slot] = wanted;
  plan.subnets[slot] = {before, wanted};
  touch(subnet->vpc);
}

void Borders::settle_vpc(const model::State& state, const model::VpcId& id, const Places& places, BorderPlan& plan) {
  const model::Vpc* vpc = state.find(id);
  const auto known = vpc_slots_.find(id);
  const uint32_t slot = vpc != nullptr ? places.vpc(id) : known == vpc_slots_.end() ? 0 : known->second;
  if (slot == 0) return;
  const auto there = tables_.vpcs.find(slot);
  const VpcRow before = there == tables_.vpcs.end() ? VpcRow() : there->second;
  VpcRow wanted{.version = before.version};
  if (vpc != nullptr && !vpc->gateway_table.empty()) {
    wanted.gateway_table = route_tables_.find(vpc->gateway_table).value_or(0);
  }
  if (touched_.contains(id) || before != wanted || there == tables_.vpcs.end()) wanted.version = next_version_++;
  if (vpc == nullptr) {
    vpc_slots_.erase(id);
    tables_.vpcs.erase(slot);
  } else {
    vpc_slots_[id] = slot;
    tables_.vpcs[slot] = wanted;
  }
  if (before != wanted) plan.vpcs[slot] = {before, wanted};
}

BorderPlan Borders::update(const model::State& state, const model::Changes& changes, const Places& places) {
  BorderPlan plan;
  Dirty dirty = dirty_after(state, changes);
  touched_.clear();
  for (const model::RouteTableId& id : dirty.tables) settle_table(state, id, places, plan);
  for (const model::AclId& id : std::set(dirty.acls)) settle_acl(state, id, dirty, plan);
  for (const model::SubnetId& id : dirty.subnets) settle_subnet(state, id, plan);
  dirty.vpcs.insert(touched_.begin(), touched_.end());
  for (const model::VpcId& id : dirty.vpcs) settle_vpc(state, id, places, plan);
  return plan;
}

size_t Borders::count_rows(const model::RouteTableId& id) const {
  const auto slot = route_tables_.find(id);
  if (!slot) return 0;
  const auto first = tables_.routes.lower_bound({.table = *slot, .prefix = {}});
  const auto last = tables_.routes.lower_bound({.table = *slot + 1, .prefix = {}});
  return static_cast<size_t>(std::distance(first, last));
}

void Borders::release(const BorderPlan& plan) {
  for (const uint32_t slot : plan.gone_subnets) subnets_.release(slot);
  for (const uint32_t slot : plan.gone_tables) route_tables_.release(slot);
  for (const uint32_t slot : plan.gone_acl_slots) acl_slots_.release(slot);
}

void Borders::adopt(const Found& found) {
  for (const auto& [slot, row] : found.subnets) {
    subnets_.adopt(model::SubnetId::of(row.id), slot);
    tables_.subnets[slot] = row;
  }
  for (const auto& [slot, row] : found.vpcs) {
    tables_.vpcs[slot] = row;
    next_version_ = std::max(next_version_, row.version + 1);
  }
  for (const uint32_t slot : found.tables) route_tables_.avoid(slot);
  for (const uint32_t slot : found.acls) acl_slots_.avoid(slot);
}

BorderPlan Borders::leftovers(const model::State& state) {
  BorderPlan plan;
  for (const auto& [id, slot] : std::map(subnets_.all())) {
    if (state.find(id) == nullptr) settle_subnet(state, id, plan);
  }
  return plan;
}

}  // namespace weft::datapath
