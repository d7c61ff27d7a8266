// Objects as the API shows them: the noun's fields, and what a reader wants
// beside them: names next to ids, counts, what goes on.
#pragma once

#include <algorithm>
#include <tuple>

#include "api/backend.h"
#include "api/caller.h"
#include "weft/v1/acl.pb.h"
#include "weft/v1/diagnosis.pb.h"
#include "weft/v1/group.pb.h"
#include "weft/v1/route.pb.h"
#include "weft/v1/tni.pb.h"
#include "weft/v1/vpc.pb.h"
#include "weft/v1/workload.pb.h"

namespace weft::api {

v1::VpcItem view(const model::State& state, const model::Vpc& vpc);
v1::SubnetItem view(const model::State& state, const model::Subnet& subnet);
v1::RouteTableItem view(const model::State& state, const model::RouteTable& table);
// The local ones first, then the others from the longest prefix on.
std::vector<v1::RouteItem> view_routes(const model::State& state, const model::RouteTableId& table);
v1::GatewayItem view_gateway(const model::State& state, const model::Vpc& vpc, model::Way way);
v1::AclItem view(const model::State& state, const model::Acl& acl);
// With its rules.
v1::AclItem view_whole(const Backend& backend, const model::Acl& acl);
v1::GroupItem view(const model::State& state, const model::Group& group);
// With its rules and members.
v1::GroupItem view_whole(const Backend& backend, const model::Group& group);
v1::RuleItem view(const Backend& backend, const model::Rule& rule);
v1::PrefixListItem view(const model::State& state, const model::PrefixList& list);
v1::TniItem view(const Backend& backend, const model::Tni& tni);
// A viewer doesn't see the values of environment variables.
v1::WorkloadItem view(const Backend& backend, const Caller& caller, const model::Workload& workload);
v1::WorkloadStatus view(const RunStatus& status);

v1::TraceAnswer view(const Trace& trace);
v1::FlowRecord view(const model::State& state, const FlowRecord& record);
v1::Event view(const Event& event);
v1::LogLine view(const LogLine& line);
v1::Problem view(const model::State& state, const Problem& problem);
v1::DoctorCheck view(const Check& check);

// In the order in which people look for names: the VPC's, then its own. Ids are random.
template <class Item>
void sort_by_name(google::protobuf::RepeatedPtrField<Item>& items) {
  const auto key = [](const Item* item) {
    if constexpr (requires { item->vpc_name(); }) {
      return std::tie(item->vpc_name(), item->name(), item->id());
    } else {
      return std::tie(item->name(), item->id());
    }
  };
  std::sort(items.pointer_begin(), items.pointer_end(), [&](const Item* a, const Item* b) { return key(a) < key(b); });
}

// "tni:fw", "igw"; the id of what is gone.
std::string target_name(const model::State& state, const model::RouteTarget& target, const model::VpcId& home);
// "sg:web" (with the VPC where it isn't `home`), "pl:office" or the prefix.
std::string peer_name(const model::State& state, const model::Peer& peer, const model::VpcId& home);
std::string protocol_name(uint8_t protocol);

}  // namespace weft::api
