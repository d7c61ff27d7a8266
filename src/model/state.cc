#include "model/state.h"

#include <algorithm>

#include "base/text.h"

namespace weft::model {

using base::Code;

namespace {

template <class Map, class Key>
const auto& members(const Map& map, const Key& key) {
  static const typename Map::mapped_type kNone;
  const auto found = map.find(key);
  return found == map.end() ? kNone : found->second;
}

// The kind's word and the scope of the name: what lives in a VPC is named in it.
template <class T>
std::string scope_of(const T& object) {
  if constexpr (requires { object.vpc; }) {
    return object.vpc.text;
  } else if constexpr (requires {
                         object.machine;
                         object.name;
                       }) {
    return object.machine.text;
  } else {
    return {};
  }
}

template <class T>
std::string_view kind_of(const base::Id<T>&) {
  return T::kPrefix;
}

}  // namespace

AnyId id_of(const Object& object) {
  return std::visit([](const auto& o) { return AnyId(o.id); }, object);
}
const std::string& text_of(const AnyId& id) {
  return std::visit([](const auto& i) -> const std::string& { return i.text; }, id);
}

const std::set<RuleId>& State::rules_of(const GroupId& group) const { return members(rules_of_, group); }
const std::set<RuleId>& State::rules_naming(const GroupId& peer) const { return members(rules_naming_group_, peer); }
const std::set<RuleId>& State::rules_naming(const PrefixListId& p) const { return members(rules_naming_list_, p); }
const std::set<TniId>& State::tnis_of(const GroupId& group) const { return members(tnis_of_group_, group); }
const std::set<TniId>& State::tnis_of(const SubnetId& subnet) const { return members(tnis_of_subnet_, subnet); }
const std::set<TniId>& State::tnis_of(const WorkloadId& w) const { return members(tnis_of_workload_, w); }
const std::set<SubnetId>& State::subnets_of(const VpcId& vpc) const { return members(subnets_of_, vpc); }
const std::set<GroupId>& State::groups_of(const VpcId& vpc) const { return members(groups_of_, vpc); }
const std::set<BlockId>& State::blocks_of(const SubnetId& subnet) const { return members(blocks_of_, subnet); }

const std::set<RouteTableId>& State::tables_of(const VpcId& vpc) const { return members(tables_of_, vpc); }
const std::set<RouteId>& State::routes_of(const RouteTableId& table) const { return members(routes_of_, table); }
const std::set<RouteId>& State::routes_by(const PrefixListId& list) const { return members(routes_by_, list); }
const std::set<RouteId>& State::routes_to(const TniId& target) const { return members(routes_to_, target); }
const std::set<AclId>& State::acls_of(const VpcId& vpc) const { return members(acls_of_, vpc); }
const std::map<uint16_t, AclRuleId>& State::rules_of(const AclId& acl, Direction direction) const {
  return members(acl_rules_of_, std::pair(acl, direction));
}

const RouteTable& State::table_of(const Subnet& subnet) const {
  return get(subnet.table.empty() ? get(subnet.vpc).main_table : subnet.table);
}
const Acl& State::acl_of(const Subnet& subnet) const {
  return get(subnet.acl.empty() ? get(subnet.vpc).default_acl : subnet.acl);
}

const Tni* State::holder_of(const VpcId& vpc, const net::Address& address) const {
  const auto found = holders_.find({vpc, address});
  return found == holders_.end() ? nullptr : &get(found->second);
}

const Subnet* State::subnet_of(const VpcId& vpc, const net::Address& address) const {
  for (const SubnetId& id : subnets_of(vpc)) {
    const Subnet& subnet = get(id);
    if (subnet.cidr.contains(address) || (subnet.cidr6 && subnet.cidr6->contains(address))) return &subnet;
  }
  return nullptr;
}

bool State::rests(const VpcId& vpc, const net::Address& address, base::WallTime now) const {
  const auto found = resting_.find({vpc, address});
  return found != resting_.end() && now < found->second + kAddressRest;
}

std::optional<std::string> State::find_name(std::string_view kind, std::string_view scope,
                                            std::string_view name) const {
  const auto found = names_.find(Name{std::string(kind), std::string(name), std::string(scope)});
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::pair<std::string, std::string>> State::find_names(std::string_view kind, std::string_view name) const {
  std::vector<std::pair<std::string, std::string>> found;
  for (auto it = names_.lower_bound(Name{std::string(kind), std::string(name), ""});
       it != names_.end() && it->first.kind == kind && it->first.name == name; ++it) {
    found.emplace_back(it->first.scope, it->second);
  }
  return found;
}

Result<> State::check_name(const Object& object) const {
  return std::visit(
      [&](const auto& o) -> Result<> {
        if constexpr (requires { o.name; }) {
          const auto holder = find_name(kind_of(o.id), scope_of(o), o.name);
          if (holder && *holder != o.id.text) {
            return Error{.code = Code::Conflict,
                         .what = fmt::format("the name {} is taken by {}", base::printable(o.name), *holder),
                         .field = "name",
                         .holder = *holder};
          }
        }
        return {};
      },
      object);
}

Result<Changes> State::apply(const Command& command) {
  const PolicySize policy_before = policy_size();
  const BorderSize border_before = border_size();
  Changes changes = TRY(carry_out(command));
  auto fits = check(changes);
  if (fits.ok()) fits = check_room(changes);
  if (fits.ok()) fits = check_budget(policy_before, border_before);
  if (!fits.ok()) {
    undo(changes);
    return std::move(fits).error();
  }
  rest(changes, command.at);
  return changes;
}

Result<Changes> State::replay(const Command& command) {
  Changes changes = TRY(carry_out(command));
  rest(changes, command.at);
  return changes;
}

Result<Changes> State::carry_out(const Command& command) {
  Changes changes;
  const auto refuse = [&](Error error) {
    undo(changes);
    return error;
  };
  for (const Operation& operation : command.operations) {
    Change change;
    if (const auto* put = std::get_if<Put>(&operation)) {
      change.after = put->object;
      if (auto free = check_name(put->object); !free.ok()) return refuse(std::move(free).error());
    }
    const AnyId id = change.after ? id_of(*change.after) : std::get<Remove>(operation).id;
    std::visit(
        [&](const auto& i) {
          if (const auto* before = find(i)) change.before = *before;
        },
        id);
    if (!change.before && !change.after) {
      return refuse(error(Code::NotFound, "no such object {}", base::printable(text_of(id))));
    }
    if (change.before == change.after) continue;
    set(change);
    changes.push_back(std::move(change));
  }
  return changes;
}

// Judged when all are made: a command may bring things that need each other.
Result<> State::check(const Changes& changes) const {
  for (const Change& change : changes) {
    const AnyId id = id_of(change.after ? *change.after : *change.before);
    const bool superseded = std::visit(
        [&](const auto& i) {
          const auto* now = find(i);
          return (now == nullptr) != !change.after || (now != nullptr && Object(*now) != *change.after);
        },
        id);
    if (!superseded) TRY_VOID(check(change));
  }
  return {};
}

void State::rest(const Changes& changes, base::WallTime since) {
  for (const Change& change : changes) {
    const auto* before = change.before ? std::get_if<Tni>(&*change.before) : nullptr;
    if (before == nullptr) continue;
    for (const net::Address& address : before->addresses()) {
      if (holder_of(before->vpc, address) == nullptr) resting_[{before->vpc, address}] = since;
    }
  }
  if (resting_.size() > 4096) {
    std::erase_if(resting_, [&](const auto& entry) { return entry.second + kAddressRest <= since; });
  }
}

void State::undo(const Changes& changes) {
  for (auto it = changes.rbegin(); it != changes.rend(); ++it) set({.before = it->after, .after = it->before});
}

// A VPC and a machine have room for so many TNIs, however many come at once.
Result<> State::check_room(const Changes& changes) const {
  std::map<VpcId, int64_t> more_in;
  std::map<MachineId, int64_t> more_on;
  const auto add = [&](const std::optional<Object>& object, int64_t step) {
    const auto* tni = object ? std::get_if<Tni>(&*object) : nullptr;
    if (tni == nullptr) return;
    more_in[tni->vpc] += step;
    if (!tni->workload.empty()) more_on[tni->machine] += step;
  };
  for (const Change& change : changes) {
    add(change.before, -1);
    add(change.after, 1);
  }
  const auto check = [](const auto& more, const auto& has, int64_t most, std::string_view who,
                        std::string_view field) -> Result<> {
    for (const auto& [id, step] : more) {
      const auto found = has.find(id);
      if (step <= 0 || found == has.end() || found->second <= most) continue;
      return Error{.code = Code::Limit,
                   .what = fmt::format("{} has at most {} TNIs", who, most),
                   .field = std::string(field),
                   .holder = id.text};
    }
    return {};
  };
  TRY_VOID(check(more_in, tnis_in_, int64_t{kMostTnis}, "a VPC", "subnet"));
  return check(more_on, tnis_on_, int64_t{kMostTnisPerMachine}, "a machine", "machine");
}

// What there is too much of already may become less step by step.
Result<> State::check_budget(const PolicySize& before, const BorderSize& border_before) const {
  const PolicySize& now = policy_size();
  const BorderSize border = border_size();
  const auto check_border = [](std::string_view what, uint64_t had, uint64_t has, uint64_t most) -> Result<> {
    if (has <= most || has <= had) return {};
    return error(Code::Limit, "there would be {} {} in all VPCs together, and the data path holds {}", has, what, most);
  };
  TRY_VOID(check_border("routes", border_before.routes, border.routes, kLargestBorder.routes));
  TRY_VOID(check_border("route tables", border_before.tables, border.tables, kLargestBorder.tables));
  TRY_VOID(check_border("subnets", border_before.subnets, border.subnets, kLargestBorder.subnets));
  TRY_VOID(check_border("network ACLs", border_before.acls, border.acls, kLargestBorder.acls));
  const auto check = [](std::string_view what, uint64_t had, uint64_t has, uint64_t most) -> Result<> {
    if (has <= most || has <= had) return {};
    return error(Code::Limit,
                 "the rules of all groups in use together would take {} {}, and the data path holds {}: name fewer "
                 "prefixes or ports, or give fewer TNIs a combination of groups of their own",
                 has, what, most);
  };
  TRY_VOID(check("entries", before.entries, now.entries, kLargestPolicy.entries));
  TRY_VOID(check("kinds of traffic", before.kinds, now.kinds, kLargestPolicy.kinds));
  TRY_VOID(check("choices among rules that end", before.choices, now.choices, kLargestPolicy.choices));
  TRY_VOID(check("rules", before.rules, now.rules, kLargestPolicy.rules));
  TRY_VOID(check("combinations of groups", before.sets, now.sets, kLargestPolicy.sets));
  return check("groups", before.groups, now.groups, kLargestPolicy.groups);
}

BorderSize State::border_size() const {
  constexpr uint64_t kLocal = kMostCidrs + 1;  // of a table, at most
  const uint64_t tables = all<RouteTable>().size();
  return {.routes = route_entries_ + tables * kLocal,
          .tables = tables,
          .subnets = all<Subnet>().size(),
          .acls = all<Acl>().size()};
}

// Of a rule's peer, or a route's destination.
template <class What>
size_t State::prefixes_of(const What& what) const {
  const auto* id = std::get_if<PrefixListId>(&what);
  if (id == nullptr) return 1;
  const PrefixList* list = find(*id);
  return list == nullptr ? 0 : list->prefixes.size();
}

void State::set(const Change& change) {
  if (change.before) index(*change.before, Step::Drop);
  std::visit(
      [&](const auto& object) {
        auto& table = std::get<Table<std::decay_t<decltype(object)>>>(tables_);
        if (change.after) {
          table.insert_or_assign(object.id, object);
        } else {
          table.erase(object.id);
        }
      },
      change.after ? *change.after : *change.before);
  if (change.after) index(*change.after, Step::Add);
}

// Before an object goes from its table, and when it is in it.
void State::index(const Object& object, Step step) {
  const auto member = [step](auto& map, const auto& key, const auto& id) {
    if (step == Step::Add) {
      map[key].insert(id);
    } else if (const auto found = map.find(key); found != map.end()) {
      found->second.erase(id);
      if (found->second.empty()) map.erase(found);
    }
  };
  const auto count = [&](const Rule& rule, size_t prefixes, Step how) {
    if (how == Step::Add) {
      budget_.add(rule, prefixes);
    } else {
      budget_.remove(rule, prefixes);
    }
  };
  std::visit(
      [&](const auto& o) {
        using T = std::decay_t<decltype(o)>;
        if constexpr (requires { o.name; }) {
          const Name name{std::string(kind_of(o.id)), o.name, scope_of(o)};
          if (step == Step::Add) {
            names_[name] = o.id.text;
          } else {
            names_.erase(name);
          }
        }
        if constexpr (std::is_same_v<T, Subnet>) member(subnets_of_, o.vpc, o.id);
        if constexpr (std::is_same_v<T, Block>) member(blocks_of_, o.subnet, o.id);
        if constexpr (std::is_same_v<T, Group>) member(groups_of_, o.vpc, o.id);
        if constexpr (std::is_same_v<T, RouteTable>) member(tables_of_, o.vpc, o.id);
        if constexpr (std::is_same_v<T, Route>) {
          member(routes_of_, o.table, o.id);
          const size_t entries = prefixes_of(o.destination);
          route_entries_ = step == Step::Add ? route_entries_ + entries : route_entries_ - entries;
          if (const auto* list = std::get_if<PrefixListId>(&o.destination)) member(routes_by_, *list, o.id);
          if (const auto* tni = std::get_if<TniId>(&o.target)) member(routes_to_, *tni, o.id);
        }
        if constexpr (std::is_same_v<T, Acl>) member(acls_of_, o.vpc, o.id);
        if constexpr (std::is_same_v<T, AclRule>) {
          auto& rules = acl_rules_of_[{o.acl, o.direction}];
          if (step == Step::Add) {
            rules.try_emplace(o.number, o.id);
          } else if (const auto held = rules.find(o.number); held != rules.end() && held->second == o.id) {
            rules.erase(held);
          }
          if (rules.empty()) acl_rules_of_.erase({o.acl, o.direction});
        }
        if constexpr (std::is_same_v<T, Rule>) {
          member(rules_of_, o.group, o.id);
          if (const auto* group = std::get_if<GroupId>(&o.peer)) member(rules_naming_group_, *group, o.id);
          if (const auto* list = std::get_if<PrefixListId>(&o.peer)) member(rules_naming_list_, *list, o.id);
          count(o, prefixes_of(o.peer), step);
        }
        // Rules may name a list that isn't there yet, or any more.
        if constexpr (std::is_same_v<T, PrefixList>) {
          const size_t before = step == Step::Add ? 0 : o.prefixes.size();
          for (const RuleId& id : rules_naming(o.id)) {
            count(get(id), before, Step::Drop);
            count(get(id), o.prefixes.size() - before, Step::Add);
          }
          const size_t entries = routes_by(o.id).size() * o.prefixes.size();
          route_entries_ = step == Step::Add ? route_entries_ + entries : route_entries_ - entries;
        }
        if constexpr (std::is_same_v<T, Tni>) {
          const int64_t one = step == Step::Add ? 1 : -1;
          if ((tnis_in_[o.vpc] += one) == 0) tnis_in_.erase(o.vpc);
          if (!o.workload.empty() && (tnis_on_[o.machine] += one) == 0) tnis_on_.erase(o.machine);
          member(tnis_of_subnet_, o.subnet, o.id);
          if (!o.workload.empty()) member(tnis_of_workload_, o.workload, o.id);
          for (const GroupId& group : o.groups) member(tnis_of_group_, group, o.id);
          if (step == Step::Add) {
            budget_.add(o.groups);
          } else {
            budget_.remove(o.groups);
          }
          for (const net::Address& address : o.addresses()) {
            const Place place{o.vpc, address};
            if (step == Step::Add) {
              holders_.try_emplace(place, o.id);
            } else if (const auto held = holders_.find(place); held != holders_.end() && held->second == o.id) {
              holders_.erase(held);
            }
          }
        }
      },
      object);
}

std::vector<Object> State::objects() const {
  std::vector<Object> all;
  std::apply(
      [&](const auto&... table) {
        const auto take = [&](const auto& t) {
          for (const auto& [id, object] : t) all.emplace_back(object);
        };
        (take(table), ...);
      },
      tables_);
  return all;
}

Changes State::everything() const {
  Changes changes;
  for (Object& object : objects()) changes.push_back({.before = std::nullopt, .after = std::move(object)});
  return changes;
}

Snapshot State::snapshot() const {
  Snapshot snapshot{.objects = objects(), .resting = {}};
  for (const auto& [place, since] : resting_) snapshot.resting.push_back({place.first, place.second, since});
  return snapshot;
}

State State::of(Snapshot snapshot) {
  State state = of(std::move(snapshot.objects));
  for (const Rest& rest : snapshot.resting) state.resting_[{rest.vpc, rest.address}] = rest.since;
  return state;
}

State State::of(std::vector<Object> objects) {
  State state;
  for (Object& object : objects) state.set({.before = std::nullopt, .after = std::move(object)});
  return state;
}

}  // namespace weft::model
