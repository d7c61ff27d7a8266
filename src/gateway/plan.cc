#include "gateway/plan.h"

#include <algorithm>

namespace weft::gateway {

namespace {

template <class Key, class Value>
std::map<Key, Value> changed(const std::map<Key, Value>& from, const std::map<Key, Value>& to) {
  std::map<Key, Value> rows;
  for (const auto& [key, value] : to) {
    const auto found = from.find(key);
    if (found == from.end() || found->second != value) rows.emplace(key, value);
  }
  return rows;
}
template <class Key, class Value>
std::map<Key, Value> gone(const std::map<Key, Value>& from, const std::map<Key, Value>& to) {
  std::map<Key, Value> rows;
  for (const auto& [key, value] : from) {
    if (!to.contains(key)) rows.emplace(key, value);
  }
  return rows;
}
template <class T>
std::set<T> minus(const std::set<T>& left, const std::set<T>& right) {
  std::set<T> rest;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(), std::inserter(rest, rest.end()));
  return rest;
}
Wiring minus(const Wiring& left, const Wiring& right) {
  return {minus(left.addresses, right.addresses), minus(left.routes, right.routes),
          minus(left.neighbours, right.neighbours)};
}
bool empty(const Wiring& wiring) {
  return wiring.addresses.empty() && wiring.routes.empty() && wiring.neighbours.empty();
}
size_t size(const Wiring& wiring) { return wiring.addresses.size() + wiring.routes.size() + wiring.neighbours.size(); }
size_t size(const Border& border) {
  return border.gateways.size() + border.addresses.size() + border.chunks.size() + border.doors.size() +
         border.routed.size();
}

// Another slot or block would be another device and other addresses.
bool fits(const ActualGateway& actual, const Gateway& desired) {
  return actual.wires != ActualGateway::Wires::Broken && actual.netns == desired.netns &&
         actual.machine_device == desired.machine_device && actual.instance_device == desired.instance_device &&
         actual.alias.block == desired.block;
}

RemoveGateway removal(const ActualGateway& actual) {
  return {actual.alias.vpc, actual.netns, actual.machine_device, actual.instance_device};
}

void create(const Gateway& desired, Plan& plan) {
  plan.push_back(CreateGateway{desired});
  plan.push_back(Rewire{.vpc = desired.vpc,
                        .netns = desired.netns,
                        .machine_device = desired.machine_device,
                        .put_inside = desired.inside,
                        .put_machine = desired.machine,
                        .remove_inside = {},
                        .remove_machine = {},
                        .mtu = 0});
  plan.push_back(SetRules{desired.vpc, desired.netns, desired.rules});
}

void amend(const ActualGateway& actual, const Gateway& desired, Plan& plan) {
  if (actual.wires == ActualGateway::Wires::Slack) {
    plan.push_back(Tighten{desired.vpc, desired.netns, desired.machine_device, desired.instance_device});
  }
  if (actual.alias.place != desired.place) plan.push_back(Remember{desired.machine_device, desired.alias()});
  Rewire rewire{.vpc = desired.vpc,
                .netns = desired.netns,
                .machine_device = desired.machine_device,
                .put_inside = minus(desired.inside, actual.inside),
                .put_machine = minus(desired.machine, actual.machine),
                .remove_inside = minus(actual.inside, desired.inside),
                .remove_machine = minus(actual.machine, desired.machine),
                .mtu = actual.mtu == desired.mtu ? 0 : desired.mtu};
  const bool same = empty(rewire.put_inside) && empty(rewire.put_machine) && empty(rewire.remove_inside) &&
                    empty(rewire.remove_machine) && rewire.mtu == 0;
  if (!same) plan.push_back(std::move(rewire));
  const bool open = actual.forwarding == ActualGateway::Forwarding::On;
  if (!open || actual.rules != desired.fingerprint()) {
    plan.push_back(SetRules{desired.vpc, desired.netns, desired.rules});
  }
}

// Slots whose device isn't in the map. A device that is made now has no index
// yet: the step finds it.
std::map<uint32_t, int> missing_gateways(const Actual& actual, const Desired& desired) {
  std::map<uint32_t, int> rows;
  for (const auto& [vpc, gateway] : desired.gateways) {
    const auto there = actual.gateways.find(vpc);
    const bool stays = there != actual.gateways.end() && fits(there->second, gateway);
    const auto row = actual.border.gateways.find(gateway.place.slot);
    if (stays && row != actual.border.gateways.end() && row->second == there->second.machine_index) continue;
    rows[gateway.place.slot] = stays ? there->second.machine_index : 0;
  }
  return rows;
}
std::map<uint32_t, int> unused_gateways(const Actual& actual, const Desired& desired) {
  std::map<uint32_t, int> rows = actual.border.gateways;
  for (const auto& [vpc, gateway] : desired.gateways) rows.erase(gateway.place.slot);
  return rows;
}

}  // namespace

Places Actual::places() const {
  Places places;
  for (const auto& [vpc, gateway] : gateways) {
    places.block = gateway.alias.block;
    places.gateways[vpc] = gateway.alias.place;
  }
  return places;
}

Plan diff(const Actual& actual, const Desired& desired) {
  Plan plan;
  for (const std::string& name : actual.strays) plan.push_back(RemoveStray{name});
  if (desired.guard && actual.guard != desired.guard->fingerprint()) plan.push_back(SetGuard{*desired.guard});
  for (const auto& [vpc, gateway] : desired.gateways) {
    const auto there = actual.gateways.find(vpc);
    if (there != actual.gateways.end() && fits(there->second, gateway)) {
      amend(there->second, gateway, plan);
      continue;
    }
    if (there != actual.gateways.end()) plan.push_back(removal(there->second));
    create(gateway, plan);
  }
  // Reserved before they are used; given back when nothing uses them.
  const PortSet both = actual.reserved.with(desired.reserved);
  if (both != actual.reserved) plan.push_back(Reserve{both});
  const Border put{.gateways = missing_gateways(actual, desired),
                   .addresses = changed(actual.border.addresses, desired.border.addresses),
                   .chunks = changed(actual.border.chunks, desired.border.chunks),
                   .doors = changed(actual.border.doors, desired.border.doors),
                   .routed = changed(actual.border.routed, desired.border.routed)};
  const Border remove{.gateways = unused_gateways(actual, desired),
                      .addresses = gone(actual.border.addresses, desired.border.addresses),
                      .chunks = gone(actual.border.chunks, desired.border.chunks),
                      .doors = gone(actual.border.doors, desired.border.doors),
                      .routed = gone(actual.border.routed, desired.border.routed)};
  if (size(put) != 0) plan.push_back(FillBorder{put});
  const std::set<int> uplinks = desired.gateways.empty() ? std::set<int>() : desired.uplinks;
  for (const int link : minus(uplinks, actual.uplinks)) plan.push_back(AttachUplink{link});
  const bool calls = actual.calls == Actual::Calls::Translated;
  if (!desired.border.doors.empty() && !calls) plan.push_back(TranslateCalls{});
  std::set<int> taken = actual.uplinks;
  taken.insert(actual.stale_uplinks.begin(), actual.stale_uplinks.end());
  for (const int link : minus(taken, uplinks)) plan.push_back(DetachUplink{link});
  if (size(remove) != 0) plan.push_back(ClearBorder{remove});
  if (both != desired.reserved) plan.push_back(Reserve{desired.reserved});
  for (const auto& [vpc, gateway] : actual.gateways) {
    if (!desired.gateways.contains(vpc)) plan.push_back(removal(gateway));
  }
  if (!desired.guard && actual.guard) plan.push_back(RemoveGuard{});
  return plan;
}

std::string text_of(const Step& step) {
  struct Text {
    std::string operator()(const RemoveStray& s) const { return "remove " + s.name; }
    std::string operator()(const RemoveGateway& s) const { return fmt::format("remove the gateway of {}", s.vpc.text); }
    std::string operator()(const CreateGateway& s) const {
      return fmt::format("make the gateway of {}: {}, ports {}", s.gateway.vpc.text, s.gateway.netns,
                         s.gateway.place.ports ? s.gateway.place.ports->text() : "none");
    }
    std::string operator()(const Tighten& s) const { return fmt::format("bring the wires of {} up", s.netns); }
    std::string operator()(const Remember& s) const { return fmt::format("name {}: {}", s.machine_device, s.alias); }
    std::string operator()(const Rewire& s) const {
      return fmt::format("addresses and routes of {}: {} to put, {} to remove", s.netns,
                         size(s.put_inside) + size(s.put_machine), size(s.remove_inside) + size(s.remove_machine));
    }
    std::string operator()(const SetRules& s) const {
      return fmt::format("rules of {}: {} published ports", s.netns, s.rules.published.size());
    }
    std::string operator()(const SetGuard& s) const {
      return fmt::format("guard {} addresses of the machine", s.guard.addresses.size());
    }
    std::string operator()(const RemoveGuard&) const { return "take the guard of the machine's addresses away"; }
    std::string operator()(const Reserve& s) const { return fmt::format("reserve ports {}", s.ports.text()); }
    std::string operator()(const FillBorder& s) const {
      return fmt::format("put {} entries at the border", size(s.put));
    }
    std::string operator()(const ClearBorder& s) const {
      return fmt::format("remove {} entries from the border", size(s.remove));
    }
    std::string operator()(const AttachUplink& s) const { return fmt::format("take what is ours at link {}", s.link); }
    std::string operator()(const DetachUplink& s) const { return fmt::format("leave link {}", s.link); }
    std::string operator()(const TranslateCalls&) const { return "translate the machine's own calls"; }
  };
  return std::visit(Text{}, step);
}

}  // namespace weft::gateway
