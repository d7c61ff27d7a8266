#include "diagnosis/trace_packet.h"

#include <algorithm>
#include <array>

#include "diagnosis/trace_rules.h"

namespace weft::diagnosis {

namespace {

using net::Family;

net::Address internet_address(const model::Vpc& vpc, Family family) {
  constexpr std::array kV4 = {"198.51.100.1", "203.0.113.1", "192.0.2.1"};
  constexpr std::array kV6 = {"2001:db8::1"};
  const auto first_outside = [&](const auto& candidates) {
    for (const char* candidate : candidates) {
      const net::Address address = *net::Address::parse(candidate);
      if (!model::is_in_ranges(vpc, address)) return address;
    }
    return *net::Address::parse(candidates.front());
  };
  return family == Family::V4 ? first_outside(kV4) : first_outside(kV6);
}

bool has(const model::State& state, const api::TraceEnd& end, Family family) {
  if (const auto* address = std::get_if<net::Address>(&end)) return address->family() == family;
  const auto* tni = std::get_if<model::TniId>(&end);
  return tni == nullptr || family == Family::V4 || state.get(*tni).ip6.has_value();
}

net::Address address_of(const model::State& state, const model::Vpc& vpc, const api::TraceEnd& end, Family family) {
  if (const auto* address = std::get_if<net::Address>(&end)) return *address;
  const auto* tni = std::get_if<model::TniId>(&end);
  if (tni == nullptr) return internet_address(vpc, family);
  const model::Tni& found = state.get(*tni);
  return family == Family::V6 && found.ip6 ? *found.ip6 : found.ip;
}

// Who sends from there, if it is one of ours.
model::TniId sender_of(const model::State& state, const api::TraceQuery& query) {
  if (const auto* tni = std::get_if<model::TniId>(&query.source)) return *tni;
  const auto* address = std::get_if<net::Address>(&query.source);
  const model::Tni* holder = address == nullptr ? nullptr : state.holder_of(query.vpc, *address);
  return holder == nullptr ? model::TniId() : holder->id;
}

// An echo's answer (type 0) opens nothing, and ICMPv6 has no such type: what is
// meant is an echo.
uint16_t selector_of(const api::TraceQuery& query) {
  if (query.selector == 0 && query.protocol == model::kIcmp) return 8 << 8;
  if (query.selector == 0 && query.protocol == model::kIcmp6) return 128 << 8;
  return query.selector;
}

using Obstacle = TracePacket::Obstacle;

std::string with_family(const net::Address& address) {
  return address.text() + (address.is_v4() ? " is IPv4" : " is IPv6");
}

// "tcp:8080 of 192.0.2.10"
std::string text_of(const Surroundings::Door& door) {
  return fmt::format("{} of {}", traffic_text(door.protocol, door.port),
                     door.address ? door.address->text() : "the machine");
}

// Two ends of different VPCs, each given by its name.
Obstacle isolated(const model::State& state, const Surroundings& around, const model::Tni& from, const model::Tni& to) {
  std::string what = fmt::format("{} is in VPC {}, {} in VPC {}: nothing leads from one VPC to another", to.name,
                                 state.get(to.vpc).name, from.name, state.get(from.vpc).name);
  const auto leads_there = [&](const Surroundings::Door& door) {
    return door.vpc == to.vpc && (door.target == to.ip || door.target == to.ip6);
  };
  const auto door = std::find_if(around.doors.begin(), around.doors.end(), leads_there);
  what += door == around.doors.end() ? ", but a published port, and " + to.name + " publishes none"
                                     : ", but a published port, as " + text_of(*door);
  return {"route", std::move(what), model::Reason::NoRoute};
}

const model::Tni* named(const model::State& state, const api::TraceEnd& end) {
  const auto* tni = std::get_if<model::TniId>(&end);
  return tni == nullptr ? nullptr : &state.get(*tni);
}

std::optional<Obstacle> obstacle_of(const model::State& state, const Surroundings& around, const api::TraceQuery& query,
                                    const model::Opening& opening) {
  const model::Tni* sender = opening.sender.empty() ? nullptr : &state.get(opening.sender);
  if (sender != nullptr && sender->workload.empty()) {
    return Obstacle{"source check", sender->name + " is attached to no workload: nothing can send from it",
                    model::Reason::UnknownDevice};
  }
  const model::Tni *from = named(state, query.source), *to = named(state, query.target);
  if (from != nullptr && to != nullptr && from->vpc != to->vpc) return isolated(state, around, *from, *to);
  if (opening.source.family() == opening.target.family()) return std::nullopt;
  return Obstacle{
      "source check",
      with_family(opening.source) + ", " + with_family(opening.target) + ": the two have no address of the same kind",
      model::Reason::NoRoute};
}

// To an address of the machine, from outside of every VPC.
Result<TracePacket> to_machine(const model::State& state, const Surroundings& around, const api::TraceQuery& query) {
  const auto* target = std::get_if<net::Address>(&query.target);
  if (target == nullptr || !around.machine.contains(*target)) {
    return Error{.code = base::Code::Usage,
                 .what =
                     "neither end is in exactly one VPC, nor is the target an address of the machine; name a TNI "
                     "or a workload",
                 .field = "source"};
  }
  TracePacket packet;
  if (const auto* door = around.find_door(*target, query.protocol, query.selector)) {
    packet.door = *door;
    packet.opening = {.vpc = door->vpc,
                      .sender = {},
                      .source = address_of(state, state.get(door->vpc), query.source, target->family()),
                      .target = door->target,
                      .protocol = query.protocol,
                      .selector = door->target_port};
    return packet;
  }
  packet.obstacle = Obstacle{
      "route",
      fmt::format("{} of {} is not published: nothing leads from there into a VPC, and what the machine itself answers "
                  "is not Weft's",
                  traffic_text(query.protocol, query.selector), target->text()),
      model::Reason::NoRoute};
  return packet;
}

}  // namespace

std::vector<Family> families_of(const model::State& state, const api::TraceQuery& query) {
  std::vector<Family> families;
  for (const Family family : {Family::V4, Family::V6}) {
    const bool other_icmp = query.protocol == (family == Family::V4 ? model::kIcmp6 : model::kIcmp);
    if (!other_icmp && has(state, query.source, family) && has(state, query.target, family)) families.push_back(family);
  }
  const auto anywhere = [](const api::TraceEnd& end) { return std::holds_alternative<api::Internet>(end); };
  if (families.empty()) families.push_back(query.protocol == model::kIcmp6 ? Family::V6 : Family::V4);
  if (!anywhere(query.source) && !anywhere(query.target)) families.resize(1);
  return families;
}

Result<TracePacket> trace_packet(const model::State& state, const Surroundings& around, const api::TraceQuery& query,
                                 Family family) {
  if (query.vpc.empty()) return to_machine(state, around, query);
  const model::Vpc& vpc = state.get(query.vpc);
  TracePacket packet;
  packet.opening = {.vpc = query.vpc,
                    .sender = sender_of(state, query),
                    .source = address_of(state, vpc, query.source, family),
                    .target = address_of(state, vpc, query.target, family),
                    .protocol = query.protocol,
                    .selector = selector_of(query)};
  if (around.machine.contains(packet.opening.target)) packet.opening.outside = model::Outside::Machine;
  packet.obstacle = obstacle_of(state, around, query, packet.opening);
  return packet;
}

}  // namespace weft::diagnosis
