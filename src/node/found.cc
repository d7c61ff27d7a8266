#include "node/found.h"

#include <algorithm>

#include "api/allocate.h"
#include "model/border.h"

namespace weft::node {

namespace {

constexpr std::string_view kDefault = "default";
const net::Prefix kFirstRange = *net::Prefix::parse("10.210.0.0/16");
constexpr uint64_t kFirstBlock = 256;  // where the second /24 of the range begins

}  // namespace

std::string name_from_host(std::string_view host) {
  std::string name;
  for (const char c : host.substr(0, std::min(host.find('.'), size_t{63}))) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (plain || (lower == '-' && !name.empty())) name += lower;
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  const bool is_usable = !name.empty() && !model::is_reserved_name(name) && !model::looks_like_id(name);
  return is_usable ? name : "machine";
}

net::Prefix default_range(std::span<const net::Prefix> routes) {
  for (uint64_t i = 0; i < kDefaultRanges; ++i) {
    const auto range = net::Prefix::of(kFirstRange.first().plus(i * kFirstRange.size()), kFirstRange.length());
    // A wider route, as to all of 10.0.0.0/8, gives way to ours.
    const auto leads_into = [&](const net::Prefix& route) { return range.contains(route); };
    if (std::none_of(routes.begin(), routes.end(), leads_into)) return range;
  }
  return kFirstRange;
}

model::Command found_cluster(const std::string& machine_name, const net::Prefix& range, base::WallTime now,
                             base::Rng& rng) {
  using namespace model;
  model::Command command{.at = now, .actor = "weftd"};
  const auto put = [&](Object object) { command.operations.emplace_back(Put{std::move(object)}); };

  const Machine machine{.id = MachineId::make(rng), .name = machine_name};
  const Group group{.id = GroupId::make(rng),
                    .name = std::string(kDefault),
                    .vpc = VpcId::make(rng),
                    .description = "everything talks"};
  const net::Prefix range6 = api::make_range6(rng);
  const net::Prefix first6 = net::Prefix::of(range6.first(), 64);
  const Subnet subnet{
      .id = SubnetId::make(rng), .name = std::string(kDefault), .vpc = group.vpc, .cidr = range, .cidr6 = first6};
  const Workload itself{
      .id = WorkloadId::make(rng), .name = machine_name, .machine = machine.id, .kind = WorkloadKind::Machine};
  const TniId tni = TniId::make(rng);
  const net::Prefix block = net::Prefix::of(range.first().plus(kFirstBlock), 24);
  const uint64_t offset = kFirstBlock + 1;

  Vpc vpc{.id = group.vpc,
          .name = std::string(kDefault),
          .cidrs = {range},
          .cidr6 = range6,
          .default_group = group.id,
          .internet = Internet::Attached};
  put(machine);
  put(group);
  for (Object& object : begin_border(vpc, [&] { return rng.next(); })) put(std::move(object));
  for (const net::Family family : {net::Family::V4, net::Family::V6}) {
    put(Route{.id = RouteId::make(rng),
              .table = vpc.main_table,
              .destination = net::Prefix::any(family),
              .target = Way::Internet});
  }
  put(vpc);
  put(subnet);
  put(Block{.id = BlockId::make(rng), .subnet = subnet.id, .machine = machine.id, .range = block});
  put(itself);
  put(Tni{.id = tni,
          .name = machine_name,
          .vpc = group.vpc,
          .subnet = subnet.id,
          .mac = api::mac_of(tni),
          .ip = range.first().plus(offset),
          .ip6 = first6.first().plus(offset),
          .groups = {group.id},
          .machine = machine.id,
          .workload = itself.id});
  for (const Direction direction : {Direction::In, Direction::Out}) {
    for (const net::Family family : {net::Family::V4, net::Family::V6}) {
      put(Rule{.id = RuleId::make(rng),
               .group = group.id,
               .direction = direction,
               .peer = net::Prefix::any(family),
               .description = "everything talks"});
    }
  }
  return command;
}

}  // namespace weft::node
