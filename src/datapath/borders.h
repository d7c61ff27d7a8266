// The border compiler: which rows of the data path's maps say where what leaves a subnet
// goes, and which ACLs let it pass. As the policy compiler (policy.h), it is told what
// changed and answers what must be written: what nobody sees yet, what becomes visible
// together when the generation moves, and what can go then.
//
// A route is a row of its table, versioned. An ACL's rows are never changed: the ACL gets
// a new slot, and its subnets' rows are versioned.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "datapath/policy.h"
#include "datapath/slots.h"
#include "model/state.h"

namespace weft::datapath {

struct RouteKey {
  uint32_t table;
  net::Prefix prefix;
  auto operator<=>(const RouteKey&) const = default;
};
struct AclKey {
  uint32_t acl;
  model::Direction direction;
  auto operator<=>(const AclKey&) const = default;
};
struct SubnetRow {
  uint64_t id = 0;
  uint32_t table = 0, acl = 0;
  bool operator==(const SubnetRow&) const = default;
};
struct VpcRow {
  uint32_t version = 0, gateway_table = 0;
  bool operator==(const VpcRow&) const = default;
};
using AclRows = std::vector<model::AclRule>;  // by number

// Everything that the maps hold.
struct BorderTables {
  std::map<RouteKey, uint32_t> routes;  // to hops
  std::map<AclKey, AclRows> acls;
  std::map<uint32_t, SubnetRow> subnets;  // by slot
  std::map<uint32_t, VpcRow> vpcs;        // by the VPC's slot
  bool operator==(const BorderTables&) const = default;
};

struct BorderPlan {
  // First.
  std::map<AclKey, AclRows> acls;
  // Then together, with the policy's.
  std::vector<Versioned<RouteKey>> routes;
  std::map<uint32_t, std::pair<SubnetRow, SubnetRow>> subnets;
  std::map<uint32_t, std::pair<VpcRow, VpcRow>> vpcs;
  // When nobody judges by an older generation any more.
  std::vector<RouteKey> gone_routes;
  std::vector<AclKey> gone_acls;
  std::vector<uint32_t> gone_subnets, gone_tables, gone_acl_slots;  // slots that are free then

  bool empty() const {
    return acls.empty() && routes.empty() && subnets.empty() && vpcs.empty() && gone_acls.empty() &&
           gone_subnets.empty() && gone_tables.empty();
  }
};

class Borders {
 public:
  // Of objects whose slots others give: 0 for what has none.
  struct Places {
    std::function<uint32_t(const model::VpcId&)> vpc;
    std::function<uint32_t(const model::TniId&)> tni;
  };

  // What must be written after these changes, which `state` already has.
  BorderPlan update(const model::State& state, const model::Changes& changes, const Places& places);
  // The plan's last part was carried out: its slots may be used again.
  void release(const BorderPlan& plan);

  // The subnet's slot, a new one if it has none yet; 0: there is none left.
  uint32_t take_subnet(const model::SubnetId& id);
  uint32_t slot_of(const model::SubnetId& id) const { return subnets_.find(id).value_or(0); }
  std::optional<uint32_t> slot_of(const model::AclId& id) const {
    const auto held = acls_.find(id);
    return held == acls_.end() ? std::nullopt : std::optional(held->second.slot);
  }
  size_t count_rows(const model::RouteTableId& id) const;
  const BorderTables& tables() const { return tables_; }
  // What isn't compiled, and why. Its traffic is dropped.
  const std::map<std::string, std::string>& problems() const { return problems_; }

  // What an earlier life of weftd left in the kernel.
  struct Found {
    std::map<uint32_t, SubnetRow> subnets;
    std::map<uint32_t, VpcRow> vpcs;
    std::set<uint32_t> tables, acls;  // slots in use
  };
  void adopt(const Found& found);
  // After the first update: slots of subnets that are gone, which the plan clears.
  BorderPlan leftovers(const model::State& state);

 private:
  struct Dirty {
    std::set<model::VpcId> vpcs;
    std::set<model::RouteTableId> tables;
    std::set<model::AclId> acls;
    std::set<model::SubnetId> subnets;
  };
  Dirty dirty_after(const model::State& state, const model::Changes& changes) const;
  void settle_table(const model::State& state, const model::RouteTableId& id, const Places& places, BorderPlan& plan);
  void settle_acl(const model::State& state, const model::AclId& id, Dirty& dirty, BorderPlan& plan);
  void settle_subnet(const model::State& state, const model::SubnetId& id, BorderPlan& plan);
  void settle_vpc(const model::State& state, const model::VpcId& id, const Places& places, BorderPlan& plan);
  void put_route(const RouteKey& key, uint32_t hop, BorderPlan& plan);
  void touch(const model::VpcId& vpc) { touched_.insert(vpc); }

  BorderTables tables_;
  Slots<model::SubnetId> subnets_{abi::MOST_SUBNETS};
  Slots<model::RouteTableId> route_tables_{abi::MOST_TABLES};
  Slots<uint64_t> acl_slots_{abi::MOST_ACLS};  // by a running number: a change takes another
  struct HeldAcl {
    uint64_t number;
    uint32_t slot;
  };
  std::map<model::AclId, HeldAcl> acls_;
  std::map<model::RouteTableId, model::VpcId> vpc_of_table_;
  std::map<model::AclId, model::VpcId> vpc_of_acl_;
  std::map<model::SubnetId, model::VpcId> vpc_of_subnet_;
  std::map<model::VpcId, uint32_t> vpc_slots_;
  std::set<model::VpcId> touched_;
  uint64_t next_acl_ = 0;
  uint32_t next_version_ = 1;
  std::map<std::string, std::string> problems_;
};

// What the table's rows are, prefix by prefix.
std::map<net::Prefix, uint32_t> compile_table(const model::State& state, const model::RouteTable& table,
                                              const Borders::Places& places);

}  // namespace weft::datapath
