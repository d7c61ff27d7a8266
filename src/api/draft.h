// A Draft is a command while it is put together: it shows the state as it would
// be with what was drafted so far, so that one command can bring a network, an
// interface in it and a workload on that.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "model/state.h"

namespace weft::api {

// Where the search for a free address of a subnet goes on: a hint, so that the
// next address isn't searched from the first one each time.
using AddressCursors = std::map<model::SubnetId, net::Address>;

struct Surroundings {
  const model::State& state;
  model::MachineId machine;  // this one
  base::WallTime now;
  base::Rng& rng;
  AddressCursors& cursors;
};

class Draft {
 public:
  explicit Draft(const Surroundings& around) : around_(around) {}

  const Surroundings& around() const { return around_; }
  template <class T>
  decltype(T::id) make_id() {
    return decltype(T::id)::make(around_.rng);
  }

  template <class Tag>
  const auto* find(const base::Id<Tag>& id) const;
  template <class Tag>
  const auto& get(const base::Id<Tag>& id) const;
  std::vector<model::SubnetId> subnets_of(const model::VpcId& vpc) const;
  std::vector<model::BlockId> blocks_of(const model::SubnetId& subnet) const;
  std::vector<model::RuleId> rules_of(const model::GroupId& group) const;
  std::vector<model::RouteTableId> tables_of(const model::VpcId& vpc) const;
  std::vector<model::RouteId> routes_of(const model::RouteTableId& table) const;
  std::vector<model::AclId> acls_of(const model::VpcId& vpc) const;
  std::vector<model::AclRuleId> rules_of(const model::AclId& acl) const;  // in first, by number
  std::vector<model::TniId> tnis_of(const model::SubnetId& subnet) const;
  std::vector<model::TniId> tnis_of(const model::WorkloadId& workload) const;  // eth0 first

  // The word by which find_names() knows a kind: the prefix of its ids.
  template <class T>
  static std::string_view kind_word() {
    return [](const auto& id) { return prefix_of(id); }(decltype(T::id){});
  }

  // Every (scope, id) of that kind and name, as in model::State.
  std::vector<std::pair<std::string, std::string>> find_names(std::string_view kind, std::string_view name) const;
  const model::Tni* holder_of(const model::VpcId& vpc, const net::Address& address) const;
  // Nobody holds it, and it doesn't rest.
  bool is_free(const model::VpcId& vpc, const net::Address& address) const;

  void put(model::Object object);
  // An object of the state that was changed before goes as it was changed to: a
  // TNI that was detached may go while its workload stays.
  void remove(const model::AnyId& id);

  // What the user should know although nothing is wrong.
  void note(std::string text) { notes_.push_back(std::move(text)); }
  const std::vector<std::string>& notes() const { return notes_; }

  model::Command command(std::string actor) const;

 private:
  template <class Tag>
  static std::string_view prefix_of(const base::Id<Tag>&) {
    return Tag::kPrefix;
  }
  using Place = std::pair<model::VpcId, net::Address>;

  void index(const model::Object& object);
  // The members of `agreed` and of those drafted below `parent` that `belongs` accepts.
  template <class Id, class Belongs>
  std::vector<Id> members(const std::set<Id>& agreed, const std::string& parent, Belongs belongs) const;

  Surroundings around_;
  std::map<std::string, std::optional<model::Object>> drafted_;  // by id; nothing: removed
  std::vector<std::string> order_;
  std::map<std::string, std::set<std::string>> below_;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> names_;  // (kind, name) to ids
  std::map<Place, model::TniId> holders_;
  struct Removed {
    model::AnyId id;
    std::optional<model::Object> last;  // as it was drafted before it went
  };
  std::map<std::string, Removed> removed_;
  std::vector<std::string> notes_;
};

template <class Tag>
const auto* Draft::find(const base::Id<Tag>& id) const {
  using T = typename model::ObjectOf<Tag>::type;
  const auto found = drafted_.find(id.text);
  if (found == drafted_.end()) return around_.state.find(id);
  return found->second ? std::get_if<T>(&*found->second) : static_cast<const T*>(nullptr);
}

template <class Tag>
const auto& Draft::get(const base::Id<Tag>& id) const {
  const auto* found = find(id);
  CHECK(found != nullptr);
  return *found;
}

}  // namespace weft::api
