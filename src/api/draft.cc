#include "api/draft.h"

#include <algorithm>

namespace weft::api {

namespace {

template <class Tag>
std::string_view kind_of(const base::Id<Tag>&) {
  return Tag::kPrefix;
}

// The objects that this one hangs on.
std::vector<std::string> parents_of(const model::Object& object) {
  std::vector<std::string> parents;
  std::visit(
      [&](const auto& o) {
        if constexpr (requires { o.vpc; }) parents.push_back(o.vpc.text);
        if constexpr (requires { o.subnet; }) parents.push_back(o.subnet.text);
        if constexpr (requires { o.group; }) parents.push_back(o.group.text);
        if constexpr (requires { o.acl; }) parents.push_back(o.acl.text);
        if constexpr (requires { o.table; }) parents.push_back(o.table.text);
        if constexpr (requires { o.workload; }) parents.push_back(o.workload.text);
      },
      object);
  return parents;
}

std::string scope_of(const model::Object& object) {
  return std::visit(
      [](const auto& o) -> std::string {
        if constexpr (requires { o.vpc; }) {
          return o.vpc.text;
        } else if constexpr (requires { o.machine; }) {
          return o.machine.text;
        } else {
          return {};
        }
      },
      object);
}

bool holds(const model::Tni* tni, const model::VpcId& vpc, const net::Address& address) {
  if (tni == nullptr || tni->vpc != vpc) return false;
  return tni->ip == address || tni->ip6 == address ||
         std::find(tni->secondary.begin(), tni->secondary.end(), address) != tni->secondary.end();
}

}  // namespace

template <class Id, class Belongs>
std::vector<Id> Draft::members(const std::set<Id>& agreed, const std::string& parent, Belongs belongs) const {
  std::set<Id> all = agreed;
  if (const auto found = below_.find(parent); found != below_.end()) {
    for (const std::string& id : found->second) {
      if (Id::looks_like(id)) all.insert(Id{id});
    }
  }
  std::vector<Id> out;
  for (const Id& id : all) {
    const auto* object = find(id);
    if (object != nullptr && belongs(*object)) out.push_back(id);
  }
  return out;
}

std::vector<model::SubnetId> Draft::subnets_of(const model::VpcId& vpc) const {
  return members(around_.state.subnets_of(vpc), vpc.text, [&](const model::Subnet& s) { return s.vpc == vpc; });
}
std::vector<model::BlockId> Draft::blocks_of(const model::SubnetId& subnet) const {
  return members(around_.state.blocks_of(subnet), subnet.text,
                 [&](const model::Block& b) { return b.subnet == subnet; });
}
std::vector<model::RuleId> Draft::rules_of(const model::GroupId& group) const {
  return members(around_.state.rules_of(group), group.text, [&](const model::Rule& r) { return r.group == group; });
}
std::vector<model::RouteTableId> Draft::tables_of(const model::VpcId& vpc) const {
  return members(around_.state.tables_of(vpc), vpc.text, [&](const model::RouteTable& t) { return t.vpc == vpc; });
}
std::vector<model::RouteId> Draft::routes_of(const model::RouteTableId& table) const {
  return members(around_.state.routes_of(table), table.text, [&](const model::Route& r) { return r.table == table; });
}
std::vector<model::AclId> Draft::acls_of(const model::VpcId& vpc) const {
  return members(around_.state.acls_of(vpc), vpc.text, [&](const model::Acl& a) { return a.vpc == vpc; });
}
std::vector<model::AclRuleId> Draft::rules_of(const model::AclId& acl) const {
  std::set<model::AclRuleId> agreed;
  for (const auto direction : {model::Direction::In, model::Direction::Out}) {
    for (const auto& [number, id] : around_.state.rules_of(acl, direction)) agreed.insert(id);
  }
  auto ids = members(agreed, acl.text, [&](const model::AclRule& r) { return r.acl == acl; });
  const auto key = [&](const model::AclRuleId& id) { return std::pair(get(id).direction, get(id).number); };
  std::sort(ids.begin(), ids.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  return ids;
}
std::vector<model::TniId> Draft::tnis_of(const model::SubnetId& subnet) const {
  return members(around_.state.tnis_of(subnet), subnet.text, [&](const model::Tni& t) { return t.subnet == subnet; });
}
std::vector<model::TniId> Draft::tnis_of(const model::WorkloadId& workload) const {
  auto ids = members(around_.state.tnis_of(workload), workload.text,
                     [&](const model::Tni& t) { return t.workload == workload; });
  std::sort(ids.begin(), ids.end(), [&](const auto& a, const auto& b) { return get(a).device < get(b).device; });
  return ids;
}

std::vector<std::pair<std::string, std::string>> Draft::find_names(std::string_view kind, std::string_view name) const {
  std::vector<std::pair<std::string, std::string>> found;
  for (auto& entry : around_.state.find_names(kind, name)) {
    if (!drafted_.contains(entry.second)) found.push_back(std::move(entry));
  }
  if (const auto drafted = names_.find({std::string(kind), std::string(name)}); drafted != names_.end()) {
    for (const std::string& id : drafted->second) {
      const auto& object = drafted_.at(id);
      if (object) found.emplace_back(scope_of(*object), id);
    }
  }
  return found;
}

const model::Tni* Draft::holder_of(const model::VpcId& vpc, const net::Address& address) const {
  if (const auto found = holders_.find({vpc, address}); found != holders_.end()) {
    const model::Tni* tni = find(found->second);
    if (holds(tni, vpc, address)) return tni;
  }
  const model::Tni* agreed = around_.state.holder_of(vpc, address);
  if (agreed == nullptr) return nullptr;
  const model::Tni* now = find(agreed->id);
  return holds(now, vpc, address) ? now : nullptr;
}

bool Draft::is_free(const model::VpcId& vpc, const net::Address& address) const {
  return holder_of(vpc, address) == nullptr && !around_.state.rests(vpc, address, around_.now);
}

void Draft::index(const model::Object& object) {
  const std::string id = model::text_of(model::id_of(object));
  for (const std::string& parent : parents_of(object)) below_[parent].insert(id);
  std::visit(
      [&](const auto& o) {
        if constexpr (requires { o.name; }) names_[{std::string(kind_of(o.id)), o.name}].insert(id);
      },
      object);
  if (const auto* tni = std::get_if<model::Tni>(&object)) {
    for (const net::Address& address : tni->addresses()) holders_[{tni->vpc, address}] = tni->id;
  }
}

void Draft::put(model::Object object) {
  const std::string id = model::text_of(model::id_of(object));
  index(object);
  removed_.erase(id);
  if (drafted_.insert_or_assign(id, std::move(object)).second) order_.push_back(id);
}

void Draft::remove(const model::AnyId& id) {
  const std::string& text = model::text_of(id);
  const bool agreed = std::visit([&](const auto& i) { return around_.state.find(i) != nullptr; }, id);
  if (agreed) {
    const auto drafted = drafted_.find(text);
    removed_.insert_or_assign(text, Removed{id, drafted == drafted_.end() ? std::nullopt : drafted->second});
  }
  if (drafted_.insert_or_assign(text, std::nullopt).second) order_.push_back(text);
}

model::Command Draft::command(std::string actor) const {
  model::Command command{.at = around_.now, .actor = std::move(actor), .operations = {}};
  for (const std::string& id : order_) {
    if (const auto& object = drafted_.at(id)) {
      command.operations.push_back(model::Put{*object});
    } else if (const auto removed = removed_.find(id); removed != removed_.end()) {
      if (removed->second.last) command.operations.push_back(model::Put{*removed->second.last});
      command.operations.push_back(model::Remove{removed->second.id});
    }
  }
  return command;
}

}  // namespace weft::api
