#include "diagnosis/trace_gateway.h"

#include <algorithm>

#include "diagnosis/trace_rules.h"

namespace weft::diagnosis {

namespace {

using Door = Surroundings::Door;
using Gateway = Surroundings::Gateway;
using net::Family;

api::TraceStep translate(api::Verdict verdict, std::string what) {
  return {.step = "translate", .verdict = verdict, .what = std::move(what)};
}
api::TraceStep without_gateway(const model::State& state, const model::Opening& opening) {
  return translate(api::Verdict::Drop,
                   fmt::format("{} has no gateway on this machine now", state.get(opening.vpc).name));
}

const char* name_of(Family family) { return family == Family::V4 ? "IPv4" : "IPv6"; }

const Door* door_to(const Surroundings& around, const model::Opening& opening) {
  const auto leads_there = [&](const Door& door) {
    return door.vpc == opening.vpc && door.target == opening.target && door.protocol == opening.protocol &&
           door.target_port == opening.selector;
  };
  const auto found = std::find_if(around.doors.begin(), around.doors.end(), leads_there);
  return found == around.doors.end() ? nullptr : &*found;
}

}  // namespace

api::TraceStep leave_by_gateway(const model::State& state, const Surroundings& around, const model::Opening& opening) {
  const Gateway* gateway = around.find_gateway(opening.vpc);
  if (gateway == nullptr) return without_gateway(state, opening);
  const Family family = opening.target.family();
  const bool leads_out = family == Family::V4 ? gateway->shared.has_value() : gateway->routed.has_value();
  if (!leads_out) {
    const bool routed = model::leads_out(state.get(opening.vpc), family);
    return translate(api::Verdict::Drop,
                     routed ? fmt::format("the machine has no {} way out: the gateway refuses it", name_of(family))
                            : "IPv6 of a private range reaches no other VPC: the gateway refuses it");
  }
  return translate(api::Verdict::Allow,
                   family == Family::V4 ? "the source becomes the machine's own address" : "IPv6 leaves as it is");
}

api::TraceStep enter_by_gateway(const model::State& state, const Surroundings& around, const model::Opening& opening,
                                const model::Tni& target) {
  const Gateway* gateway = around.find_gateway(opening.vpc);
  if (gateway == nullptr) return without_gateway(state, opening);
  if (const Door* door = door_to(around, opening)) return pass_door(state, *door);
  if (gateway->routed && gateway->routed->contains(opening.target)) {
    return translate(api::Verdict::Allow, "IPv6 comes in as it is");
  }
  return translate(api::Verdict::Drop,
                   fmt::format("nothing outside leads to {} of {}: no port of the machine is published to it",
                               traffic_text(opening.protocol, opening.selector), target.name));
}

api::TraceStep ask_by_gateway(const model::State& state, const Surroundings& around, const model::Opening& opening) {
  const Gateway* gateway = around.find_gateway(opening.vpc);
  if (gateway == nullptr) return without_gateway(state, opening);
  const Family family = opening.target.family();
  if (gateway->resolves.contains(family)) {
    return translate(api::Verdict::Allow, "the target becomes a name server of the machine");
  }
  return translate(api::Verdict::Drop,
                   fmt::format("the machine has no {} name server: the gateway refuses it", name_of(family)));
}

api::TraceStep pass_door(const model::State& state, const Door& door) {
  const model::Tni* tni = state.holder_of(door.vpc, door.target);
  return translate(api::Verdict::Allow, fmt::format("port {} of {} is published: it leads to {}", door.port,
                                                    door.address ? door.address->text() : "the machine",
                                                    tni == nullptr ? door.target.text() : tni->name));
}

model::Opening behind_door(const model::State& state, const Surroundings& around, const model::Opening& opening,
                           const Door& door) {
  model::Opening behind{.vpc = door.vpc,
                        .sender = {},
                        .source = opening.source,
                        .target = door.target,
                        .protocol = opening.protocol,
                        .selector = door.target_port};
  const Gateway* gateway = around.find_gateway(opening.vpc);
  if (door.vpc == opening.vpc) {
    // Or the answer would go straight to the sender, who expects it from the machine.
    const model::Subnet* subnet = state.subnet_of(door.vpc, door.target);
    const bool v4 = door.family == Family::V4;
    if (subnet != nullptr && (v4 || subnet->cidr6))
      behind.source = model::router_of(v4 ? subnet->cidr : *subnet->cidr6);
  } else if (door.family == Family::V4 && gateway != nullptr && gateway->shared) {
    behind.source = *gateway->shared;
  }
  return behind;
}

}  // namespace weft::diagnosis
