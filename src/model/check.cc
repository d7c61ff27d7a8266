// What must hold of each object beside the others: State::check.
#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "model/state.h"

namespace weft::model {

using base::Code;
using base::printable;
using net::Prefix;

namespace {

constexpr size_t kLongestName = 63;  // a DNS label (RFC 1035 2.3.4)
constexpr size_t kLongestText = 256;
constexpr size_t kMostWords = 4096;          // of a command line or environment
constexpr size_t kLongestWords = 128 << 10;  // all of them together, as execve allows one
constexpr size_t kMostPublications = 128;

Error refusal(Code code, std::string_view field, std::string what, std::string holder = {}) {
  return Error{.code = code, .what = std::move(what), .field = std::string(field), .holder = std::move(holder)};
}

// Kinds that have no ids yet, but will: a name of today must not be an id of theirs.
constexpr std::string_view kLaterPrefixes[] = {"igw", "nat", "eip", "pcx", "svc"};

bool is_name(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), plain) &&
         name.front() != '-' && name.back() != '-';
}

Result<> check_text(std::string_view field, std::string_view text) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text.size() > kLongestText) {
    return refusal(Code::Usage, field, fmt::format("longer than {} bytes", kLongestText));
  }
  if (std::any_of(text.begin(), text.end(), control)) {
    return refusal(Code::Usage, field, fmt::format("{} has control characters", printable(text)));
  }
  return {};
}

template <class Tag>
Error dangling(std::string_view field, const base::Id<Tag>& id) {
  return refusal(Code::NotFound, field, fmt::format("no such object {}", printable(id.text)));
}

Result<> check_range(std::string_view field, const Prefix& range, unsigned shortest, unsigned longest) {
  if (range.length() < shortest || range.length() > longest) {
    return refusal(Code::Usage, field, fmt::format("{} is not a /{} to /{}", range.text(), shortest, longest));
  }
  if (range.first().is_multicast() || range.first().is_loopback() || range.first().is_unspecified() ||
      range.overlaps(*Prefix::parse(range.family() == net::Family::V4 ? "169.254.0.0/16" : "fd00:ec2::/32")) ||
      range.first().is_link_local()) {
    return refusal(Code::Usage, field, fmt::format("{} is not for a private network", range.text()));
  }
  return {};
}

Result<> check_one(const State&, const Machine&) { return {}; }

// What a VPC, or something in it, refers to is the VPC's.
template <class Tag>
Result<> check_own(const State& state, const Vpc& vpc, std::string_view field, const base::Id<Tag>& id) {
  const auto* object = state.find(id);
  if (object == nullptr) return dangling(field, id);
  if (object->vpc == vpc.id) return {};
  return refusal(Code::Usage, field, fmt::format("{} is in another VPC", object->name), id.text);
}

// Whether the route's prefix may stand beside the local routes: only outside the ranges
// or around them, or for what stands before the whole of a subnet.
Result<> check_beside_local(const State& state, const Vpc& vpc, const Route& route, const Prefix& prefix) {
  for (const Prefix& range : ranges_of(vpc)) {
    if (!range.contains(prefix)) continue;
    if (prefix == range) {
      return refusal(Code::Conflict, "destination", fmt::format("{} is local, which can't be replaced", prefix.text()),
                     vpc.id.text);
    }
    const auto is_whole = [&](const SubnetId& id) {
      const Subnet& subnet = state.get(id);
      return subnet.cidr == prefix || subnet.cidr6 == prefix;
    };
    const auto& subnets = state.subnets_of(vpc.id);
    if (std::none_of(subnets.begin(), subnets.end(), is_whole)) {
      return refusal(Code::Usage, "destination",
                     fmt::format("{} is inside {}, which is local: a route there is for the whole of a subnet",
                                 prefix.text(), range.text()));
    }
    if (!std::holds_alternative<TniId>(route.target)) {
      return refusal(
          Code::Usage, "target",
          fmt::format("{} is a subnet of the VPC: a route to it leads to a TNI or a NAT gateway", prefix.text()));
    }
  }
  return {};
}

// Ranges that were added don't swallow routes that are there.
Result<> check_routes(const State& state, const Vpc& vpc) {
  for (const RouteTableId& table : state.tables_of(vpc.id)) {
    for (const RouteId& id : state.routes_of(table)) {
      const Route& route = state.get(id);
      if (const auto* prefix = std::get_if<Prefix>(&route.destination)) {
        auto beside = check_beside_local(state, vpc, route, *prefix);
        if (!beside.ok()) return std::move(beside).error().within("table " + state.get(table).name);
      }
    }
  }
  return {};
}

Result<> check_one(const State& state, const RouteTable& table) {
  if (state.find(table.vpc) == nullptr) return dangling("vpc", table.vpc);
  if (state.tables_of(table.vpc).size() > kMostTables) {
    return refusal(Code::Limit, "vpc", fmt::format("a VPC has at most {} route tables", kMostTables));
  }
  return {};
}

Result<> check_destination(const State& state, const Vpc& vpc, const Route& route) {
  if (const auto* list = std::get_if<PrefixListId>(&route.destination)) {
    return state.find(*list) == nullptr ? dangling("destination", *list) : Result<>();
  }
  const Prefix& prefix = std::get<Prefix>(route.destination);
  if (prefix.first().is_multicast() || service_range(prefix.family()).contains(prefix)) {
    return refusal(Code::Usage, "destination", fmt::format("nothing may lead into {}", prefix.text()));
  }
  if (route.target == RouteTarget(Way::EgressOnly) && prefix.family() == net::Family::V4) {
    return refusal(Code::Usage, "target", "an egress-only gateway is for IPv6");
  }
  return check_beside_local(state, vpc, route, prefix);
}

Result<> check_target(const State& state, const Vpc& vpc, const Route& route) {
  if (const auto* id = std::get_if<TniId>(&route.target)) {
    const Tni* tni = state.find(*id);
    if (tni == nullptr) return dangling("target", *id);
    if (tni->vpc == vpc.id) return {};
    return refusal(Code::Usage, "target", fmt::format("TNI {} is in another VPC", tni->name), id->text);
  }
  const Way way = std::get<Way>(route.target);
  const bool missing = (way == Way::Internet && vpc.internet == Internet::None) ||
                       (way == Way::EgressOnly && vpc.egress_only == Internet::None);
  if (!missing) return {};
  const std::string_view option = way == Way::EgressOnly ? " --egress-only" : "";
  return refusal(Code::NotFound, "target",
                 fmt::format("VPC {} has no {} gateway: weft igw attach {}{}", vpc.name,
                             way == Way::EgressOnly ? "egress-only" : "internet", vpc.name, option));
}

Result<> check_one(const State& state, const Route& route) {
  const RouteTable* table = state.find(route.table);
  if (table == nullptr) return dangling("table", route.table);
  const Vpc& vpc = state.get(table->vpc);
  TRY_VOID(check_destination(state, vpc, route));
  TRY_VOID(check_target(state, vpc, route));
  const auto& beside = state.routes_of(route.table);
  for (const RouteId& id : beside) {
    if (id != route.id && state.get(id).destination == route.destination) {
      return refusal(Code::Conflict, "destination", "the table has a route for it", id.text);
    }
  }
  if (beside.size() > kMostRoutes) {
    return refusal(Code::Limit, "table", fmt::format("a route table has at most {} routes", kMostRoutes));
  }
  return {};
}

Result<> check_one(const State& state, const Acl& acl) {
  if (state.find(acl.vpc) == nullptr) return dangling("vpc", acl.vpc);
  if (state.acls_of(acl.vpc).size() > kMostAcls) {
    return refusal(Code::Limit, "vpc", fmt::format("a VPC has at most {} network ACLs", kMostAcls));
  }
  return {};
}

Result<> check_family(const Traffic& traffic, const Prefix& prefix);

Result<> check_one(const State& state, const AclRule& rule) {
  const Acl* acl = state.find(rule.acl);
  if (acl == nullptr) return dangling("acl", rule.acl);
  if (rule.number == 0 || rule.number > kHighestAclNumber) {
    return refusal(Code::Usage, "number", fmt::format("{} is not 1 to {}", rule.number, kHighestAclNumber));
  }
  if (rule.traffic.first > rule.traffic.last) {
    return refusal(Code::Usage, "traffic", "the port range ends before it starts");
  }
  TRY_VOID(check_family(rule.traffic, rule.prefix));
  const auto& rules = state.rules_of(rule.acl, rule.direction);
  const auto held = rules.find(rule.number);
  if (held == rules.end() || held->second != rule.id) {
    return refusal(Code::Conflict, "number", fmt::format("ACL {} has a rule {} already", acl->name, rule.number),
                   held == rules.end() ? std::string() : held->second.text);
  }
  if (rules.size() > kMostAclRules) {
    return refusal(
        Code::Limit, "acl",
        fmt::format("ACL {} has {} rules in this direction, the most there may be", acl->name, kMostAclRules));
  }
  return {};
}

Result<> check_one(const State& state, const Vpc& vpc) {
  if (vpc.cidrs.empty()) return refusal(Code::Usage, "cidrs", "a VPC needs an IPv4 range");
  if (vpc.cidrs.size() > kMostCidrs) {
    return refusal(Code::Limit, "cidrs", fmt::format("a VPC has at most {} IPv4 ranges", kMostCidrs));
  }
  for (size_t i = 0; i < vpc.cidrs.size(); ++i) {
    if (vpc.cidrs[i].family() != net::Family::V4) {
      return refusal(Code::Usage, "cidrs", fmt::format("{} is not an IPv4 range", vpc.cidrs[i].text()));
    }
    TRY_VOID(check_range("cidrs", vpc.cidrs[i], 16, 28));
    for (size_t j = 0; j < i; ++j) {
      if (vpc.cidrs[i].overlaps(vpc.cidrs[j])) {
        return refusal(Code::Conflict, "cidrs",
                       fmt::format("{} overlaps {}", vpc.cidrs[i].text(), vpc.cidrs[j].text()));
      }
    }
  }
  if (vpc.cidr6) {
    if (vpc.cidr6->family() != net::Family::V6) {
      return refusal(Code::Usage, "cidr6", fmt::format("{} is not an IPv6 range", vpc.cidr6->text()));
    }
    TRY_VOID(check_range("cidr6", *vpc.cidr6, 32, 64));
  }
  TRY_VOID(check_own(state, vpc, "default_group", vpc.default_group));
  TRY_VOID(check_own(state, vpc, "main_table", vpc.main_table));
  TRY_VOID(check_own(state, vpc, "default_acl", vpc.default_acl));
  if (!vpc.gateway_table.empty()) TRY_VOID(check_own(state, vpc, "gateway_table", vpc.gateway_table));
  TRY_VOID(check_routes(state, vpc));
  for (const SubnetId& id : state.subnets_of(vpc.id)) {
    const Subnet& subnet = state.get(id);
    const auto inside = [&](const Prefix& range) { return range.contains(subnet.cidr); };
    if (std::none_of(vpc.cidrs.begin(), vpc.cidrs.end(), inside) ||
        (subnet.cidr6 && (!vpc.cidr6 || !vpc.cidr6->contains(*subnet.cidr6)))) {
      return refusal(Code::Conflict, "cidrs",
                     fmt::format("subnet {} would be in none of the ranges of VPC {}", subnet.name, vpc.name), id.text);
    }
  }
  return {};
}

Result<> check_one(const State& state, const Subnet& subnet) {
  const Vpc* vpc = state.find(subnet.vpc);
  if (vpc == nullptr) return dangling("vpc", subnet.vpc);
  TRY_VOID(check_range("cidr", subnet.cidr, 16, 28));
  const auto inside = [&](const Prefix& range) { return range.contains(subnet.cidr); };
  if (std::none_of(vpc->cidrs.begin(), vpc->cidrs.end(), inside)) {
    return refusal(Code::Usage, "cidr",
                   fmt::format("{} is in none of the ranges of VPC {}", subnet.cidr.text(), vpc->name));
  }
  if (subnet.cidr6) {
    if (subnet.cidr6->family() != net::Family::V6 || subnet.cidr6->length() != 64) {
      return refusal(Code::Usage, "cidr6", fmt::format("{} is not an IPv6 /64", subnet.cidr6->text()));
    }
    if (!vpc->cidr6 || !vpc->cidr6->contains(*subnet.cidr6)) {
      return refusal(Code::Usage, "cidr6",
                     fmt::format("{} is not in the IPv6 range of VPC {}", subnet.cidr6->text(), vpc->name));
    }
  }
  if (!subnet.table.empty()) TRY_VOID(check_own(state, *vpc, "table", subnet.table));
  if (!subnet.acl.empty()) TRY_VOID(check_own(state, *vpc, "acl", subnet.acl));
  const auto& siblings = state.subnets_of(subnet.vpc);
  if (siblings.size() > kMostSubnets) {
    return refusal(Code::Limit, "vpc", fmt::format("a VPC has at most {} subnets", kMostSubnets));
  }
  for (const SubnetId& id : siblings) {
    const Subnet& other = state.get(id);
    if (id == subnet.id) continue;
    if (other.cidr.overlaps(subnet.cidr)) {
      return refusal(Code::Conflict, "cidr",
                     fmt::format("{} overlaps {} of subnet {}", subnet.cidr.text(), other.cidr.text(), other.name),
                     id.text);
    }
    if (subnet.cidr6 && other.cidr6 && other.cidr6->overlaps(*subnet.cidr6)) {
      return refusal(Code::Conflict, "cidr6",
                     fmt::format("{} overlaps {} of subnet {}", subnet.cidr6->text(), other.cidr6->text(), other.name),
                     id.text);
    }
  }
  for (const TniId& id : state.tnis_of(subnet.id)) {
    const Tni& tni = state.get(id);
    if (!subnet.cidr.contains(tni.ip) || (tni.ip6 && (!subnet.cidr6 || !subnet.cidr6->contains(*tni.ip6)))) {
      return refusal(Code::Conflict, "cidr",
                     fmt::format("TNI {} would have an address outside subnet {}", tni.name, subnet.name), id.text);
    }
  }
  return {};
}

Result<> check_one(const State& state, const Block& block) {
  const Subnet* subnet = state.find(block.subnet);
  if (subnet == nullptr) return dangling("subnet", block.subnet);
  if (state.find(block.machine) == nullptr) return dangling("machine", block.machine);
  if (!subnet->cidr.contains(block.range)) {
    return refusal(Code::Usage, "range", fmt::format("{} is outside the subnet", block.range.text()));
  }
  for (const BlockId& id : state.blocks_of(block.subnet)) {
    if (id != block.id && state.get(id).range.overlaps(block.range)) {
      return refusal(Code::Conflict, "range", fmt::format("{} is leased already", block.range.text()), id.text);
    }
  }
  return {};
}

Result<> check_one(const State& state, const Group& group) {
  if (state.find(group.vpc) == nullptr) return dangling("vpc", group.vpc);
  if (state.groups_of(group.vpc).size() > kMostGroups) {
    return refusal(Code::Limit, "vpc", fmt::format("a VPC has at most {} security groups", kMostGroups));
  }
  return check_text("description", group.description);
}

Result<> check_one(const State& state, const Rule& rule) {
  const Group* group = state.find(rule.group);
  if (group == nullptr) return dangling("group", rule.group);
  if (!RuleId::looks_like(rule.id.text)) {
    return refusal(Code::Usage, "id", fmt::format("{} is not a rule's id", printable(rule.id.text)));
  }
  if (rule.traffic.first > rule.traffic.last) {
    return refusal(Code::Usage, "traffic", "the port range ends before it starts");
  }
  if (const auto* peer = std::get_if<GroupId>(&rule.peer)) {
    const Group* named = state.find(*peer);
    if (named == nullptr) return dangling("peer", *peer);
    if (named->vpc != group->vpc) {
      return refusal(Code::Usage, "peer", fmt::format("group {} is in another VPC", named->name));
    }
  } else if (const auto* list = std::get_if<PrefixListId>(&rule.peer)) {
    if (state.find(*list) == nullptr) return dangling("peer", *list);
  }
  const auto& beside = state.rules_of(rule.group);
  const auto same_direction = [&](const RuleId& id) { return state.get(id).direction == rule.direction; };
  // Counting them all for each rule of many would take long.
  if (beside.size() > kMostRules &&
      static_cast<size_t>(std::count_if(beside.begin(), beside.end(), same_direction)) > kMostRules) {
    return refusal(
        Code::Limit, "group",
        fmt::format("group {} has {} rules in this direction, the most there may be", group->name, kMostRules));
  }
  return check_text("description", rule.description);
}

Result<> check_one(const State&, const PrefixList& list) {
  if (list.prefixes.size() > kMostPrefixes) {
    return refusal(Code::Limit, "prefixes", fmt::format("a prefix list has at most {} prefixes", kMostPrefixes));
  }
  return {};
}

Result<> check_address(const State& state, const Tni& tni, std::string_view field, const net::Address& address,
                       const std::optional<Prefix>& range) {
  if (!range || !range->contains(address)) {
    return refusal(Code::Usage, field, fmt::format("{} is not in the subnet", address.text()));
  }
  if (is_reserved(*range, address)) {
    const char* holder = address == router_of(*range)     ? "the router"
                         : address == resolver_of(*range) ? "the resolver"
                                                          : "the subnet";
    return refusal(Code::Conflict, field, fmt::format("{} is reserved in every subnet", address.text()), holder);
  }
  const Tni* holder = state.holder_of(tni.vpc, address);
  if (holder != nullptr && holder->id != tni.id) {
    return refusal(Code::Conflict, field, fmt::format("{} belongs to TNI {}", address.text(), holder->name),
                   holder->id.text);
  }
  return {};
}

Result<> check_one(const State& state, const Tni& tni) {
  const Subnet* subnet = state.find(tni.subnet);
  if (subnet == nullptr || subnet->vpc != tni.vpc) return dangling("subnet", tni.subnet);
  TRY_VOID(check_address(state, tni, "ip", tni.ip, subnet->cidr));
  if (tni.secondary.size() > 64) return refusal(Code::Limit, "secondary", "a TNI has at most 64 further addresses");
  for (const net::Address& address : tni.secondary) {
    if (address == tni.ip || std::count(tni.secondary.begin(), tni.secondary.end(), address) > 1) {
      return refusal(Code::Usage, "secondary", fmt::format("{} is named twice", address.text()));
    }
    TRY_VOID(check_address(state, tni, "secondary", address, subnet->cidr));
  }
  if (tni.ip6) TRY_VOID(check_address(state, tni, "ip6", *tni.ip6, subnet->cidr6));
  if (tni.groups.empty() || tni.groups.size() > kMostGroupsPerTni) {
    return refusal(tni.groups.empty() ? Code::Usage : Code::Limit, "groups",
                   fmt::format("a TNI has 1 to {} security groups", kMostGroupsPerTni));
  }
  if (!std::is_sorted(tni.groups.begin(), tni.groups.end()) ||
      std::adjacent_find(tni.groups.begin(), tni.groups.end()) != tni.groups.end()) {
    return refusal(Code::Usage, "groups", "a group is named twice");
  }
  for (const GroupId& id : tni.groups) {
    const Group* group = state.find(id);
    if (group == nullptr || group->vpc != tni.vpc) return dangling("groups", id);
  }
  if ((tni.mac.bytes[0] & 1) != 0) return refusal(Code::Usage, "mac", "a TNI's MAC is not a group address");
  if (tni.workload.empty()) return {};
  if (state.find(tni.workload) == nullptr) return dangling("workload", tni.workload);
  for (const TniId& id : state.tnis_of(tni.workload)) {
    const Tni& other = state.get(id);
    if (id == tni.id) continue;
    if (other.device == tni.device) {
      return refusal(Code::Conflict, "device", fmt::format("eth{} is TNI {}", tni.device, other.name), id.text);
    }
    const Subnet& beside = state.get(other.subnet);
    if (other.vpc != tni.vpc && beside.cidr.overlaps(subnet->cidr)) {
      return refusal(Code::Conflict, "workload",
                     fmt::format("its TNI {} has the overlapping range {}", other.name, beside.cidr.text()), id.text);
    }
  }
  return {};
}

Result<> check_words(std::string_view field, const std::vector<std::string>& words) {
  size_t bytes = 0;
  for (const std::string& word : words) {
    bytes += word.size() + 1;
    if (word.find('\0') != std::string::npos) return refusal(Code::Usage, field, "contains a zero byte");
  }
  if (words.size() > kMostWords || bytes > kLongestWords) {
    return refusal(Code::Limit, field, fmt::format("more than {} words or {} bytes", kMostWords, kLongestWords));
  }
  return {};
}

Result<> check_one(const State& state, const Workload& workload) {
  if (state.find(workload.machine) == nullptr) return dangling("machine", workload.machine);
  const bool process = workload.kind == WorkloadKind::Process;
  if (process && (workload.command.empty() || workload.command.front().empty())) {
    return refusal(Code::Usage, "command", "there is nothing to run");
  }
  TRY_VOID(check_words("command", workload.command));
  TRY_VOID(check_words("env", workload.env));
  for (const std::string& entry : workload.env) {
    if (entry.find('=') == std::string::npos || entry.front() == '=') {
      return refusal(Code::Usage, "env", fmt::format("{} is not NAME=VALUE", printable(entry)));
    }
  }
  TRY_VOID(check_text("user", workload.user));
  if (!workload.workdir.empty() && workload.workdir.front() != '/') {
    return refusal(Code::Usage, "workdir", fmt::format("{} is not an absolute path", printable(workload.workdir)));
  }
  if (workload.publish.size() > kMostPublications) {
    return refusal(Code::Limit, "publish", fmt::format("a workload publishes at most {} ports", kMostPublications));
  }
  for (const Publication& publication : workload.publish) {
    if (publication.port == 0 || publication.target_port == 0) {
      return refusal(Code::Usage, "publish", "a port is 1 to 65535");
    }
    if (publication.protocol != kTcp && publication.protocol != kUdp) {
      return refusal(Code::Usage, "publish", "a published port is tcp or udp");
    }
    const auto same_port = [&](const Publication& other) {
      return other.port == publication.port && other.protocol == publication.protocol &&
             (!other.address || !publication.address || other.address == publication.address);
    };
    if (std::count_if(workload.publish.begin(), workload.publish.end(), same_port) > 1) {
      return refusal(Code::Usage, "publish", fmt::format("port {} is published twice", publication.port));
    }
    for (const auto& [id, other] : state.all<Workload>()) {
      for (const Publication& held : other.publish) {
        if (id != workload.id && other.machine == workload.machine && same_port(held)) {
          return refusal(Code::Conflict, "publish",
                         fmt::format("port {} is published by workload {}", publication.port, other.name), id.text);
        }
      }
    }
  }
  return {};
}

// Who still needs what is to be removed: the name of one of them.
template <class Tag>
Result<> unused(const std::set<base::Id<Tag>>& users, const State& state, std::string_view kind) {
  if (users.empty()) return {};
  const auto& user = state.get(*users.begin());
  std::string name = user.id.text;
  if constexpr (requires { user.name; }) name = user.name;
  return refusal(Code::Conflict, "", fmt::format("in use by {} {}", kind, name), user.id.text);
}

Result<> check_gone(const State&, const Rule&) { return {}; }
Result<> check_gone(const State&, const Block&) { return {}; }
Result<> check_gone(const State& state, const Machine& machine) {
  for (const auto& [id, workload] : state.all<Workload>()) {
    if (workload.machine == machine.id) {
      return refusal(Code::Conflict, "", fmt::format("in use by workload {}", workload.name), id.text);
    }
  }
  return {};
}
Result<> check_gone(const State& state, const Vpc& vpc) {
  TRY_VOID(unused(state.subnets_of(vpc.id), state, "subnet"));
  TRY_VOID(unused(state.tables_of(vpc.id), state, "route table"));
  TRY_VOID(unused(state.acls_of(vpc.id), state, "network ACL"));
  return unused(state.groups_of(vpc.id), state, "security group");
}
Result<> check_gone(const State&, const Route&) { return {}; }
Result<> check_gone(const State&, const AclRule&) { return {}; }
// By a subnet, other than as what it has when it has none.
template <class Id>
Result<> unused_by_subnets(const State& state, const VpcId& vpc, Id Subnet::*field, const Id& id) {
  for (const SubnetId& subnet : state.subnets_of(vpc)) {
    if (state.get(subnet).*field == id) return unused(std::set<SubnetId>{subnet}, state, "subnet");
  }
  return {};
}
Result<> check_gone(const State& state, const RouteTable& table) {
  TRY_VOID(unused_by_subnets(state, table.vpc, &Subnet::table, table.id));
  TRY_VOID(unused(state.routes_of(table.id), state, "route"));
  const Vpc* vpc = state.find(table.vpc);
  if (vpc == nullptr || (vpc->main_table != table.id && vpc->gateway_table != table.id)) return {};
  const std::string_view role = vpc->main_table == table.id ? "main" : "gateway's";
  return refusal(Code::Conflict, "", fmt::format("it is the {} table of VPC {}", role, vpc->name), vpc->id.text);
}
Result<> check_gone(const State& state, const Acl& acl) {
  TRY_VOID(unused_by_subnets(state, acl.vpc, &Subnet::acl, acl.id));
  for (const Direction direction : {Direction::In, Direction::Out}) {
    const auto& rules = state.rules_of(acl.id, direction);
    if (!rules.empty()) return unused(std::set<AclRuleId>{rules.begin()->second}, state, "rule");
  }
  const Vpc* vpc = state.find(acl.vpc);
  if (vpc == nullptr || vpc->default_acl != acl.id) return {};
  return refusal(Code::Conflict, "", fmt::format("it is the default ACL of VPC {}", vpc->name), vpc->id.text);
}
Result<> check_gone(const State& state, const Subnet& subnet) {
  TRY_VOID(unused(state.tnis_of(subnet.id), state, "TNI"));
  return unused(state.blocks_of(subnet.id), state, "block");
}
Result<> check_gone(const State& state, const Group& group) {
  TRY_VOID(unused(state.tnis_of(group.id), state, "TNI"));
  TRY_VOID(unused(state.rules_naming(group.id), state, "rule"));
  TRY_VOID(unused(state.rules_of(group.id), state, "rule"));
  const Vpc* vpc = state.find(group.vpc);
  if (vpc != nullptr && vpc->default_group == group.id) {
    return refusal(Code::Conflict, "", fmt::format("it is the default group of VPC {}", vpc->name), vpc->id.text);
  }
  return {};
}
Result<> check_gone(const State& state, const PrefixList& list) {
  TRY_VOID(unused(state.routes_by(list.id), state, "route"));
  return unused(state.rules_naming(list.id), state, "rule");
}
Result<> check_gone(const State& state, const Tni& tni) {
  const Workload* workload = tni.workload.empty() ? nullptr : state.find(tni.workload);
  if (workload == nullptr) return {};
  return refusal(Code::Conflict, "", fmt::format("attached to workload {}", workload->name), workload->id.text);
}
Result<> check_gone(const State& state, const Workload& workload) {
  return unused(state.tnis_of(workload.id), state, "TNI");
}

// What may be called so from now on. What is called so already stays.
Result<> check_new_name(const std::string& name) {
  if (is_reserved_name(name)) {
    return refusal(Code::Usage, "name", fmt::format("{} means something else; choose another name", name));
  }
  if (looks_like_id(name)) {
    return refusal(Code::Usage, "name", fmt::format("{} looks like an id; choose another name", name));
  }
  return {};
}

bool says_same(const std::optional<Object>& before, const Rule& after) {
  const Rule* rule = before ? std::get_if<Rule>(&*before) : nullptr;
  return rule != nullptr && rule->traffic == after.traffic && rule->peer == after.peer;
}

// ICMP and ICMPv6 are of one family each: with a prefix of the other no packet matches.
Result<> check_family(const Traffic& traffic, const Prefix& prefix) {
  if (!traffic.protocol || !is_icmp(*traffic.protocol)) return {};
  const bool is_v4 = prefix.family() == net::Family::V4;
  const uint8_t fitting = is_v4 ? kIcmp : kIcmp6;
  if (*traffic.protocol == fitting) return {};
  return refusal(Code::Usage, "traffic",
                 fmt::format("{} is never of {}: with {} write {}{}", traffic.text(), is_v4 ? "IPv4" : "IPv6",
                             prefix.text(), Traffic{.protocol = fitting}.text(),
                             traffic == Traffic{.protocol = traffic.protocol} ? "" : ", whose types differ"));
}

template <class T>
bool has_name_already(const std::optional<Object>& before, const T& after) {
  return before && std::get<T>(*before).name == after.name;
}

}  // namespace

bool is_reserved_name(std::string_view name) { return name == "internet"; }

bool looks_like_id(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos || text.size() != dash + 17 || !base::is_hex(text.substr(dash + 1))) return false;
  const std::string_view prefix = text.substr(0, dash);
  const auto is_later = [&](std::string_view later) { return prefix == later; };
  if (std::any_of(std::begin(kLaterPrefixes), std::end(kLaterPrefixes), is_later)) return true;
  const auto is_of = [&]<class... Tag>(const std::variant<base::Id<Tag>...>*) {
    return ((prefix == Tag::kPrefix) || ...);
  };
  return is_of(static_cast<const AnyId*>(nullptr));
}

Result<> State::check(const Change& change) const {
  if (!change.after) {
    return std::visit([&](const auto& object) { return check_gone(*this, object); }, *change.before);
  }
  return std::visit(
      [&](const auto& object) -> Result<> {
        if constexpr (requires { object.name; }) {
          if (!is_name(object.name)) {
            return refusal(Code::Usage, "name",
                           fmt::format("{} is not a name: 1 to {} of a-z, 0-9 and - (not first or last)",
                                       printable(object.name), kLongestName));
          }
          if (!has_name_already(change.before, object)) TRY_VOID(check_new_name(object.name));
        }
        if constexpr (std::is_same_v<std::decay_t<decltype(object)>, Rule>) {
          // What was agreed before this was checked stays.
          const auto* prefix = std::get_if<Prefix>(&object.peer);
          if (prefix != nullptr && !says_same(change.before, object)) TRY_VOID(check_family(object.traffic, *prefix));
        }
        return check_one(*this, object);
      },
      *change.after);
}

}  // namespace weft::model
