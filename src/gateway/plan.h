// The way from what a machine holds of gateways to what it should hold.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "gateway/desired.h"

namespace weft::gateway {

struct ActualGateway {
  Alias alias;
  std::string netns;
  std::string machine_device, instance_device;
  int machine_index = 0, instance_index = 0;
  unsigned mtu = 0;
  // Whole: all four ends are there and up, and the program stands at the machine's.
  // Slack: they are there.
  enum class Wires { Broken, Slack, Whole } wires = Wires::Broken;
  Wiring inside;
  Wiring machine;
  std::optional<uint64_t> rules;  // fingerprint; nothing if they are not as we left them
  enum class Forwarding { Off, On } forwarding = Forwarding::Off;
};

struct Actual {
  std::map<model::VpcId, ActualGateway> gateways;
  std::set<std::string> strays;  // namespaces and devices of ours that belong to no whole gateway
  Border border;
  std::set<int> uplinks;        // where the right program stands
  std::set<int> stale_uplinks;  // where one of an earlier version does
  enum class Calls { Untouched, Translated } calls = Calls::Untouched;
  PortSet reserved;  // by us
  // Fingerprint of the guard; 0: it isn't as we left it; nothing: there is none.
  std::optional<uint64_t> guard;

  Places places() const;
};

// The steps. Each can be repeated, and does nothing where it is done already.
struct RemoveStray {
  std::string name;
};
struct RemoveGateway {
  model::VpcId vpc;
  std::string netns, machine_device, instance_device;
};
struct CreateGateway {
  Gateway gateway;
};
// Its devices come up, and the program stands where it has to. Connections go on.
struct Tighten {
  model::VpcId vpc;
  std::string netns, machine_device, instance_device;
};
struct Remember {
  std::string machine_device, alias;
};  // the place that the gateway has now
struct Rewire {
  model::VpcId vpc;
  std::string netns, machine_device;
  Wiring put_inside, put_machine, remove_inside, remove_machine;
  unsigned mtu = 0;  // of `out`; 0: stays
};
struct SetRules {
  model::VpcId vpc;
  std::string netns;
  Ruleset rules;
};
struct SetGuard {
  Guard guard;
};
struct RemoveGuard {};
struct Reserve {
  PortSet ports;
};  // all of ours
// Entries that are added or changed, before anything is taken away.
struct FillBorder {
  Border put;
};
struct ClearBorder {
  Border remove;
};
struct AttachUplink {
  int link = 0;
};
struct DetachUplink {
  int link = 0;
};
struct TranslateCalls {};

using Step = std::variant<RemoveStray, SetGuard, RemoveGuard, CreateGateway, Tighten, Remember, Rewire, SetRules,
                          Reserve, FillBorder, AttachUplink, TranslateCalls, DetachUplink, ClearBorder, RemoveGateway>;
using Plan = std::vector<Step>;

// Made before it is used, out of use before it is removed.
Plan diff(const Actual& actual, const Desired& desired);
std::string text_of(const Step& step);

}  // namespace weft::gateway
