// The agreed state: every object, and how a command changes it. The same
// commands in the same order give the same state, on every machine.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "model/acl.h"
#include "model/budget.h"
#include "model/group.h"
#include "model/route.h"
#include "model/tni.h"
#include "model/vpc.h"
#include "model/workload.h"

namespace weft::model {

using Object =
    std::variant<Machine, Vpc, Subnet, Block, Group, Rule, PrefixList, Tni, Workload, RouteTable, Route, Acl, AclRule>;
using AnyId = std::variant<MachineId, VpcId, SubnetId, BlockId, GroupId, RuleId, PrefixListId, TniId, WorkloadId,
                           RouteTableId, RouteId, AclId, AclRuleId>;

// Texts that a name must not be, since they stand where names do: "internet", and
// what has the shape of an id of any kind.
bool is_reserved_name(std::string_view name);
bool looks_like_id(std::string_view text);

AnyId id_of(const Object& object);
const std::string& text_of(const AnyId& id);

struct Put {
  Object object;
};
struct Remove {
  AnyId id;
};
using Operation = std::variant<Put, Remove>;

// All of it happens, or nothing: a file that is applied is one command.
struct Command {
  base::WallTime at;  // the clock of who accepted it; the state has none
  std::string actor;  // who asked, for the record
  std::vector<Operation> operations;
};

// What a command did to one object; neither is empty in both.
struct Change {
  std::optional<Object> before;
  std::optional<Object> after;
};
using Changes = std::vector<Change>;

// An address that nobody has any more.
struct Rest {
  VpcId vpc;
  net::Address address;
  base::WallTime since;
  bool operator==(const Rest&) const = default;
};

// What the state at one revision is made of, the objects in an order in which they
// can be put.
struct Snapshot {
  std::vector<Object> objects;
  std::vector<Rest> resting;
};

template <class T>
using Table = std::map<decltype(T::id), T>;

// An address that was freed rests for this long before it is handed out again:
// longer than any name that pointed to it may be remembered.
inline constexpr base::Duration kAddressRest = std::chrono::seconds(120);

// What the borders of all subnets take up in the data path, at most.
struct BorderSize {
  uint64_t routes = 0;  // of all tables, once for each prefix of a list, the local ones too
  uint64_t tables = 0, subnets = 0, acls = 0;
  bool operator==(const BorderSize&) const = default;
};
// Twice as much fits (bpf/abi.h).
inline constexpr BorderSize kLargestBorder{.routes = 500'000, .tables = 30'000, .subnets = 30'000, .acls = 30'000};

class State {
 public:
  template <class T>
  const Table<T>& all() const {
    return std::get<Table<T>>(tables_);
  }
  template <class Tag>
  const auto* find(const base::Id<Tag>& id) const;
  template <class Tag>
  const auto& get(const base::Id<Tag>& id) const;

  // Objects that hang on others, in id order.
  const std::set<RuleId>& rules_of(const GroupId& group) const;
  const std::set<RuleId>& rules_naming(const GroupId& peer) const;
  const std::set<RuleId>& rules_naming(const PrefixListId& peer) const;
  const std::set<TniId>& tnis_of(const GroupId& group) const;
  const std::set<TniId>& tnis_of(const SubnetId& subnet) const;
  const std::set<TniId>& tnis_of(const WorkloadId& workload) const;
  const std::set<SubnetId>& subnets_of(const VpcId& vpc) const;
  const std::set<GroupId>& groups_of(const VpcId& vpc) const;
  const std::set<BlockId>& blocks_of(const SubnetId& subnet) const;
  const std::set<RouteTableId>& tables_of(const VpcId& vpc) const;
  const std::set<RouteId>& routes_of(const RouteTableId& table) const;
  const std::set<RouteId>& routes_by(const PrefixListId& destination) const;
  const std::set<RouteId>& routes_to(const TniId& target) const;
  const std::set<AclId>& acls_of(const VpcId& vpc) const;
  // By number.
  const std::map<uint16_t, AclRuleId>& rules_of(const AclId& acl, Direction direction) const;

  // What the subnet has of its own, or the VPC's.
  const RouteTable& table_of(const Subnet& subnet) const;
  const Acl& acl_of(const Subnet& subnet) const;

  // The holder of an address of a VPC, and the subnet around an address.
  const Tni* holder_of(const VpcId& vpc, const net::Address& address) const;
  const Subnet* subnet_of(const VpcId& vpc, const net::Address& address) const;
  // What the policy of all groups in use takes up in the data path.
  const PolicySize& policy_size() const { return budget_.used(); }
  BorderSize border_size() const;
  bool rests(const VpcId& vpc, const net::Address& address, base::WallTime now) const;

  // Ids of the objects of one kind that have this name ("subnet", "" = any VPC).
  // The scope is the VPC for what lives in one, empty for the others.
  std::optional<std::string> find_name(std::string_view kind, std::string_view scope, std::string_view name) const;
  // Every (scope, id) of that kind and name.
  std::vector<std::pair<std::string, std::string>> find_names(std::string_view kind, std::string_view name) const;

  // Carries the command out, or refuses it and changes nothing. The error names
  // the field, the value and who holds what was asked for.
  Result<Changes> apply(const Command& command);
  // Carries out what was applied before, whatever was the most there might be then.
  Result<Changes> replay(const Command& command);
  // Takes changes back that apply() made, latest first. (A commit that failed.)
  void undo(const Changes& changes);
  std::vector<Object> objects() const;
  // All of them, as changes from nothing: what is told to whoever knows nothing yet.
  Changes everything() const;
  Snapshot snapshot() const;
  // The state with exactly these objects. They were valid when they were written.
  static State of(std::vector<Object> objects);
  static State of(Snapshot snapshot);

 private:
  struct Name {
    std::string kind, name, scope;
    auto operator<=>(const Name&) const = default;
  };
  using Place = std::pair<VpcId, net::Address>;

  void set(const Change& change);
  enum class Step { Add, Drop };
  void index(const Object& object, Step step);
  template <class What>
  size_t prefixes_of(const What& what) const;
  Result<Changes> carry_out(const Command& command);
  Result<> check(const Changes& changes) const;
  Result<> check_budget(const PolicySize& before, const BorderSize& border_before) const;
  Result<> check_room(const Changes& changes) const;
  void rest(const Changes& changes, base::WallTime since);
  Result<> check(const Change& change) const;
  Result<> check_name(const Object& object) const;

  std::tuple<Table<Machine>, Table<Vpc>, Table<Subnet>, Table<Block>, Table<Group>, Table<Rule>, Table<PrefixList>,
             Table<Tni>, Table<Workload>, Table<RouteTable>, Table<Route>, Table<Acl>, Table<AclRule>>
      tables_;
  std::map<Name, std::string> names_;
  std::map<Place, TniId> holders_;
  std::map<Place, base::WallTime> resting_;
  std::map<GroupId, std::set<RuleId>> rules_of_, rules_naming_group_;
  std::map<PrefixListId, std::set<RuleId>> rules_naming_list_;
  std::map<GroupId, std::set<TniId>> tnis_of_group_;
  std::map<SubnetId, std::set<TniId>> tnis_of_subnet_;
  std::map<WorkloadId, std::set<TniId>> tnis_of_workload_;
  std::map<VpcId, int64_t> tnis_in_;
  std::map<MachineId, int64_t> tnis_on_;  // attached there
  std::map<VpcId, std::set<SubnetId>> subnets_of_;
  std::map<VpcId, std::set<GroupId>> groups_of_;
  std::map<SubnetId, std::set<BlockId>> blocks_of_;
  std::map<VpcId, std::set<RouteTableId>> tables_of_;
  std::map<RouteTableId, std::set<RouteId>> routes_of_;
  std::map<PrefixListId, std::set<RouteId>> routes_by_;
  std::map<TniId, std::set<RouteId>> routes_to_;
  std::map<VpcId, std::set<AclId>> acls_of_;
  std::map<std::pair<AclId, Direction>, std::map<uint16_t, AclRuleId>> acl_rules_of_;
  PolicyBudget budget_;
  uint64_t route_entries_ = 0;
};

template <class F>
void fields(F&& f, Rest& r) {
  f("vpc", r.vpc);
  f("address", r.address);
  f("since", r.since);
}

template <class Tag>
struct ObjectOf;
template <>
struct ObjectOf<MachineTag> {
  using type = Machine;
};
template <>
struct ObjectOf<VpcTag> {
  using type = Vpc;
};
template <>
struct ObjectOf<SubnetTag> {
  using type = Subnet;
};
template <>
struct ObjectOf<BlockTag> {
  using type = Block;
};
template <>
struct ObjectOf<GroupTag> {
  using type = Group;
};
template <>
struct ObjectOf<RuleTag> {
  using type = Rule;
};
template <>
struct ObjectOf<PrefixListTag> {
  using type = PrefixList;
};
template <>
struct ObjectOf<TniTag> {
  using type = Tni;
};
template <>
struct ObjectOf<WorkloadTag> {
  using type = Workload;
};
template <>
struct ObjectOf<RouteTableTag> {
  using type = RouteTable;
};
template <>
struct ObjectOf<RouteTag> {
  using type = Route;
};
template <>
struct ObjectOf<AclTag> {
  using type = Acl;
};
template <>
struct ObjectOf<AclRuleTag> {
  using type = AclRule;
};

template <class Tag>
const auto* State::find(const base::Id<Tag>& id) const {
  const auto& table = all<typename ObjectOf<Tag>::type>();
  const auto found = table.find(id);
  return found == table.end() ? nullptr : &found->second;
}
template <class Tag>
const auto& State::get(const base::Id<Tag>& id) const {
  const auto* found = find(id);
  CHECK(found != nullptr);
  return *found;
}

}  // namespace weft::model
