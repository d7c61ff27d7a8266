// From what a request or a file says of an object to the object: one function
// per noun, for both. Each finds the object of that name or makes one, and leaves
// what the spec doesn't say as it is.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "api/draft.h"
#include "api/resolve.h"
#include "weft/v1/file.pb.h"

namespace weft::api {

enum class IfThere {
  Same,    // a create: the same again is fine, another is a conflict
  Change,  // a file: it becomes what the spec says
};

// What is made in a VPC is called NAME or VPC/NAME: then the spec may leave the VPC
// away, but not name another one.
template <class Spec>
struct Placed {
  std::string name;
  Spec spec;
};
Result<Placed<v1::SubnetSpec>> place(const Draft& draft, const std::string& name, const v1::SubnetSpec& spec);
Result<Placed<v1::RouteTableSpec>> place(const Draft& draft, const std::string& name, const v1::RouteTableSpec& spec);
Result<Placed<v1::AclSpec>> place(const Draft& draft, const std::string& name, const v1::AclSpec& spec);
Result<Placed<v1::GroupSpec>> place(const Draft& draft, const std::string& name, const v1::GroupSpec& spec);
Result<Placed<v1::TniSpec>> place(const Draft& draft, const std::string& name, const v1::TniSpec& spec);

Result<model::VpcId> settle_vpc(Draft& draft, const std::string& name, const v1::VpcSpec& spec, IfThere policy);
// Which of its tables are the main one and the gateway's, as far as the spec says.
Result<> settle_tables_of_vpc(Draft& draft, const model::VpcId& vpc, const v1::VpcSpec& spec);
// The table alone; a new one has the local routes only.
Result<model::RouteTableId> settle_table(Draft& draft, const std::string& name, const v1::RouteTableSpec& spec);
// Exactly the routes of the spec.
Result<> settle_routes(Draft& draft, const model::RouteTableId& table, const v1::RouteTableSpec& spec);
Result<> settle_route(Draft& draft, const model::RouteTableId& table, const v1::RouteSpec& spec);
// The ACL alone; a new one denies everything.
Result<model::AclId> settle_acl(Draft& draft, const std::string& name, const v1::AclSpec& spec);
// Exactly the rules of the spec.
Result<> settle_acl_rules(Draft& draft, const model::AclId& acl, const v1::AclSpec& spec);
Result<> settle_acl_rule(Draft& draft, const model::AclId& acl, const v1::AclRuleSpec& spec);
Result<model::SubnetId> settle_subnet(Draft& draft, const std::string& name, const v1::SubnetSpec& spec,
                                      IfThere policy);
// The group alone; a new one lets everything out.
Result<model::GroupId> settle_group(Draft& draft, const std::string& name, const v1::GroupSpec& spec, IfThere policy);
// Exactly the rules of the spec.
Result<> settle_rules(Draft& draft, const model::GroupId& group, const v1::GroupSpec& spec);
Result<model::PrefixListId> settle_prefix_list(Draft& draft, const std::string& name, const v1::PrefixListSpec& spec,
                                               IfThere policy);
Result<model::TniId> settle_tni(Draft& draft, const std::string& name, const v1::TniSpec& spec, IfThere policy);
// With its interfaces. An empty name: one is made.
Result<model::WorkloadId> settle_workload(Draft& draft, std::string name, const v1::WorkloadSpec& spec,
                                          model::Keep keep, IfThere policy);

// The parts of it that single requests need, too.
template <class T>
const T* find_named(const Draft& draft, const std::string& scope, const std::string& name);
void put_open_egress(Draft& draft, const model::GroupId& group);
Result<model::Peer> take_peer(Draft& draft, const std::string& text, const Scope& scope);
Result<model::SubnetId> resolve_subnet_or_default(const Draft& draft, std::string_view text);
model::FlowTimeouts merge(const v1::FlowTimeouts& named, const model::FlowTimeouts& usual);
void attach(Draft& draft, model::Tni tni, const model::Workload& workload, uint32_t device);
void detach(Draft& draft, model::Tni tni);
void remove_tni(Draft& draft, const model::Tni& tni);
// With the interfaces that were made for it; the others stay, attached to none.
void remove_workload(Draft& draft, const model::WorkloadId& id);

template <class T>
const T* find_named(const Draft& draft, const std::string& scope, const std::string& name) {
  using Id = decltype(T::id);
  for (const auto& [of, id] : draft.find_names(draft.kind_word<T>(), name)) {
    if (of == scope) return draft.find(Id{id});
  }
  return nullptr;
}

// Of what hangs on one parent: removes those that aren't wanted, and puts the wanted ones
// that aren't there. What is the same but for its id stays.
template <class T, class Ids>
void replace_all(Draft& draft, const Ids& there, std::vector<T> wanted) {
  for (const auto& id : there) {
    const auto is_same = [&](T other) {
      other.id = id;
      return other == draft.get(id);
    };
    const auto found = std::find_if(wanted.begin(), wanted.end(), is_same);
    if (found == wanted.end()) {
      draft.remove(id);
    } else {
      wanted.erase(found);
    }
  }
  for (T& object : wanted) {
    object.id = draft.make_id<T>();
    draft.put(std::move(object));
  }
}

}  // namespace weft::api
