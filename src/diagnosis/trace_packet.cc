#include "diagnosis/trace_packet.h"

#include <algorithm>
#include <array>

namespace weft::diagnosis {

namespace {

using net::Family;

net::Address internet_address(const model::Vpc& vpc, Family family) {
  constexpr std::array kV4 = {"198.51.100.1", "203.0.113.1", "192.0.2.1"};
  constexpr std::array kV6 = {"2001:db8::1"};
  const auto first_outside = [&](const auto& candidates) {
    for (const char* candidate : candidates) {
      const net::Address address = *net::Address::parse(candidate);
      if (!is_in_ranges(vpc, address)) return address;
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

// What both ends can speak; IPv4 if they have nothing in common.
Family family_of(const model::State& state, const api::TraceQuery& query) {
  const Family first = query.protocol == model::kIcmp6 ? Family::V6 : Family::V4;
  const Family second = first == Family::V4 ? Family::V6 : Family::V4;
  const auto both_have = [&](Family family) {
    return has(state, query.source, family) && has(state, query.target, family);
  };
  return !both_have(first) && both_have(second) ? second : first;
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

}  // namespace

bool is_in_ranges(const model::Vpc& vpc, const net::Address& address) {
  const auto inside = [&](const net::Prefix& range) { return range.contains(address); };
  return std::any_of(vpc.cidrs.begin(), vpc.cidrs.end(), inside) || (vpc.cidr6 && inside(*vpc.cidr6));
}

TracePacket trace_packet(const model::State& state, const api::TraceQuery& query) {
  const model::Vpc& vpc = state.get(query.vpc);
  const Family family = family_of(state, query);
  TracePacket packet;
  packet.opening = {.vpc = query.vpc,
                    .sender = sender_of(state, query),
                    .source = address_of(state, vpc, query.source, family),
                    .target = address_of(state, vpc, query.target, family),
                    .protocol = query.protocol,
                    .selector = selector_of(query)};
  const auto refuse = [&](model::Reason reason, std::string why) {
    packet.reason = reason;
    packet.impossible = std::move(why);
  };
  const model::Tni* sender = packet.opening.sender.empty() ? nullptr : &state.get(packet.opening.sender);
  if (sender != nullptr && sender->workload.empty()) {
    refuse(model::Reason::UnknownDevice, sender->name + " is attached to no workload: nothing can send from it");
  } else if (packet.opening.source.family() != packet.opening.target.family()) {
    const auto name = [](const net::Address& address) {
      return address.text() + (address.is_v4() ? " is IPv4" : " is IPv6");
    };
    refuse(model::Reason::NoRoute, name(packet.opening.source) + ", " + name(packet.opening.target) +
                                       ": the two have no address of the same kind");
  }
  return packet;
}

}  // namespace weft::diagnosis
