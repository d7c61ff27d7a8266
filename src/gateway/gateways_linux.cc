#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "gateway/gateways.h"
#include "os/file.h"
#include "os/netns.h"

namespace weft::gateway {

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
  return View{std::move(actual), std::move(desired)};
}

Result<Plan> Gateways::plan(const model::State& state, const model::MachineId& self) {
  const View view = TRY(look(state, self));
  return diff(view.actual, view.desired);
}

Result<Gateways::Outcome> Gateways::reconcile(const model::State& state, const model::MachineId& self) {
  const View view = TRY(look(state, self));
  Outcome outcome;
  outcome.problems = view.desired.problems;
  for (const Step& step : diff(view.actual, view.desired)) {
    const auto applied = apply(machine_, *programs_, options_, step);
    if (applied.ok()) {
      outcome.done.push_back(text_of(step));
    } else {
      outcome.problems.push_back({self.text, applied.error().what});
    }
  }
  for (const auto& [vpc, gateway] : view.desired.gateways) {
    if (const auto link = TRY(os::find_link(machine_.instance, gateway.instance_device))) {
      outcome.devices[vpc] = link->index;
    }
  }
  return outcome;
}

Result<> Gateways::remove_all(const Options& options) {
  os::Fd here = TRY(os::current_netns());
  MachineSockets machine = TRY(MachineSockets::open(std::move(here)));
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
