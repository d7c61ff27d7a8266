#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "gateway/gateways.h"
#include "os/file.h"
#include "os/netns.h"

namespace weft::gateway {

namespace {

// More than a turn of somebody else takes, and less than who waits for us minds.
constexpr std::chrono::milliseconds kPatience{2000};

// Instances share the machine's ports, addresses and lists: what one reads of them
// holds until it has taken its part.
Result<os::NetnsLock> lock_machine(const MachineSockets& machine) {
  return os::NetnsLock::acquire(machine.netns, kPatience).within("another instance is at work on this machine");
}

}  // namespace

Result<std::unique_ptr<Gateways>> Gateways::open(const Options& options, os::Fd instance_netns) {
  TRY_VOID(os::make_directories(options.run, 0755));
  MachineSockets machine = TRY(MachineSockets::open(std::move(instance_netns)).within("gateways"));
  auto programs = TRY(Programs::open(options.pins).within("gateways"));
  return std::unique_ptr<Gateways>(new Gateways(options, std::move(machine), std::move(programs)));
}

Result<Gateways::View> Gateways::look(const model::State& state, const model::MachineId& self) {
  const MachineFacts facts = TRY(read_facts(machine_, options_).within("read the machine"));
  Actual actual = TRY(read_actual(machine_, *programs_, options_).within("read the gateways"));
  const Places places = allot_places(state, facts, self, actual.places(), options_);
  Desired desired = compile(state, facts, places, self, options_);
  know_fingerprints(desired);
  return View{std::move(actual), std::move(desired)};
}

// To write the rules down takes longer than all the rest.
void Gateways::know_fingerprints(Desired& desired) const {
  for (auto& [vpc, gateway] : desired.gateways) {
    const Gateway* before = nullptr;
    if (desired_) {
      const auto found = desired_->gateways.find(vpc);
      if (found != desired_->gateways.end() && found->second.rules == gateway.rules) before = &found->second;
    }
    gateway.known_fingerprint = before != nullptr ? before->fingerprint() : gateway.rules.fingerprint();
  }
}

Result<> Gateways::keep_names(Outcome& outcome) {
  for (const auto& [name, netns] : namespaces_) {
    if (TRY(os::find_netns(name))) continue;
    TRY_VOID(os::name_netns(netns, name));
    outcome.repaired.push_back("the name of namespace " + name);
  }
  return {};
}

Result<> Gateways::hold_namespaces(const Desired& desired) {
  namespaces_.clear();
  for (const auto& [vpc, gateway] : desired.gateways) {
    if (auto netns = TRY(os::find_netns(gateway.netns))) namespaces_.emplace(gateway.netns, std::move(*netns));
  }
  return {};
}

Result<Plan> Gateways::plan(const model::State& state, const model::MachineId& self) {
  const View view = TRY(look(state, self));
  return diff(view.actual, view.desired);
}

Result<Gateways::Outcome> Gateways::reconcile(const model::State& state, const model::MachineId& self) {
  Outcome outcome;
  const auto lock = TRY(lock_machine(machine_));
  const auto named = keep_names(outcome);
  for (const std::string& name : TRY(programs_->restore_pins())) outcome.repaired.push_back("the pin of map " + name);
  View view = TRY(look(state, self));
  const bool same = desired_ && *desired_ == view.desired;
  outcome.problems = view.desired.problems;
  if (!named.ok()) outcome.problems.push_back({self.text, named.error().what});
  for (const Step& step : diff(view.actual, view.desired)) {
    const auto applied = apply(machine_, *programs_, options_, step);
    if (!applied.ok()) {
      outcome.problems.push_back({self.text, applied.error().what});
      continue;
    }
    outcome.done.push_back(text_of(step));
    if (same) outcome.repaired.push_back(text_of(step));
  }
  TRY_VOID(hold_namespaces(view.desired));
  for (const auto& [vpc, gateway] : view.desired.gateways) {
    if (const auto link = TRY(os::find_link(machine_.instance, gateway.instance_device))) {
      outcome.devices[vpc] = link->index;
    }
  }
  desired_ = std::move(view.desired);
  return outcome;
}

Result<> Gateways::remove_all(const Options& options) {
  os::Fd here = TRY(os::current_netns());
  MachineSockets machine = TRY(MachineSockets::open(std::move(here)));
  const auto lock = TRY(lock_machine(machine));
  for (const os::Link& link : TRY(os::read_links(machine.links))) {
    if (options.is_device(link.name)) {
      TRY_VOID(machine.links.apply({os::remove_link(link.index)}));
    } else {
      TRY_VOID(detach_uplink(machine, options, link.index));
    }
  }
  for (const auto& name : TRY(os::list_netns(options.netns_prefix))) {
    if (options.is_netns(name)) TRY_VOID(os::remove_netns(name));
  }
  TRY_VOID(remove_guard(machine, options));
  TRY_VOID(reserve(machine, options, {}));
  TRY_VOID(Programs::remove_pins(options.pins));
  const std::string cgroup = options.run + "/cgroup2";
  if (umount2(cgroup.c_str(), UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
    return base::errno_error("unmount " + cgroup, errno);
  }
  if (rmdir(cgroup.c_str()) != 0 && errno != ENOENT) return base::errno_error("remove " + cgroup, errno);
  return os::remove_file(traces_path(options));
}

}  // namespace weft::gateway
