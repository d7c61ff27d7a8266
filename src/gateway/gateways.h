// The gateways of this machine as a target: read, compile, plan, apply.
//
//   auto gateways = TRY(Gateways::open(options, std::move(instance_netns)));
//   auto outcome = TRY(gateways->reconcile(state, self));
//   for (auto& [vpc, index] : outcome.devices) datapath.set_gateway(vpc, index);
//
// A turn can be repeated at any time and does nothing where all is well. Open it
// in the machine's network namespace; the instance's is where the TNIs end.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/machine.h"

namespace weft::gateway {

class Gateways {
 public:
  static Result<std::unique_ptr<Gateways>> open(const Options& options, os::Fd instance_netns);

  struct Outcome {
    std::map<model::VpcId, int> devices;  // in the instance's namespace, of the gateways that are whole
    std::vector<std::string> done;        // steps that were carried out
    // What somebody else had taken away: done though nothing else was wanted than before.
    std::vector<std::string> repaired;
    std::vector<Problem> problems;  // failed steps last
  };
  // An error here is one of reading; a step that fails is a problem, and holds up no other.
  Result<Outcome> reconcile(const model::State& state, const model::MachineId& self);

  // What reconcile would do.
  Result<Plan> plan(const model::State& state, const model::MachineId& self);

  // What the last turn wanted; none before the first.
  const std::optional<Desired>& desired() const { return desired_; }

  // Packets from gateways that were dropped at the border, by enum border_reason.
  Result<std::vector<uint64_t>> drops() const { return programs_->drops(); }

  // Leaves the machine as it was before the first of them. Needs no state. A missing
  // instance's namespace has no descriptor.
  static Result<> remove_all(const Options& options);

 private:
  Gateways(Options options, MachineSockets machine, std::unique_ptr<Programs> programs)
      : options_(std::move(options)), machine_(std::move(machine)), programs_(std::move(programs)) {}
  struct View {
    Actual actual;
    Desired desired;
  };
  Result<View> look(const model::State& state, const model::MachineId& self);
  void know_fingerprints(Desired& desired) const;
  Result<> keep_names(Outcome& outcome);
  Result<> hold_namespaces(const Desired& desired);

  Options options_;
  MachineSockets machine_;
  std::unique_ptr<Programs> programs_;
  // Of the last turn. Held open, a namespace outlives its name, and with it the
  // connections that are open.
  std::map<std::string, os::Fd> namespaces_;
  std::optional<Desired> desired_;
};

}  // namespace weft::gateway
