// The data path on this machine: it is told what changed in the agreed state and
// makes the kernel carry and refuse packets accordingly.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "datapath/borders.h"
#include "datapath/bpf_linux.h"
#include "datapath/inside_linux.h"
#include "datapath/kept_map.h"
#include "datapath/links_linux.h"
#include "datapath/map_check.h"
#include "datapath/policy.h"
#include "datapath/policy_write_linux.h"
#include "os/netlink_monitor.h"
#include "reconcile/backoff.h"

namespace weft::datapath {

class Datapath {
 public:
  struct Options {
    Names names;
    std::string pins;  // directory in a bpffs
    model::MachineId self;
    uint32_t most_flows = abi::MOST_FLOWS;
    uint32_t most_tnis = abi::MOST_TNIS;  // slots
    // With more interfaces only rounds tell what happened inside of workloads, see
    // os::Monitor::listen_around.
    size_t most_heard = 1024;
  };
  // Finds what an earlier weftd left, or starts with nothing. Traffic goes on by
  // what is in the kernel until the first update().
  static Result<std::unique_ptr<Datapath>> open(const Options& options);

  // Carries out what follows from the changes; `state` has them already. The first
  // call gets every object as a change from nothing: what the kernel holds beyond
  // it goes. What fails is a problem, is tried again by heal(), and holds up nothing
  // else.
  void update(const model::State& state, const model::Changes& changes, const ClockPair& clocks);

  // What was not as it should be, and is again.
  struct Repair {
    std::string object;  // id of whose it is; empty: everybody's
    std::string what;
    bool operator==(const Repair&) const = default;
  };
  using Repairs = std::vector<Repair>;
  // Compares the kernel with what it should hold and mends the difference, a slice
  // at a time: a turn takes some milliseconds, however much there is. A round that
  // is over begins anew with the next call.
  Repairs heal(const model::State& state, const ClockPair& clocks);
  bool round_is_over() const { return !round_; }
  // Only what the kernel told of since the last call. Readable: there may be some.
  Repairs look_again(const model::State& state, const ClockPair& clocks);
  int notices_fd() const { return monitor_->fd(); }
  // Whether it told of a gateway, which is looked at elsewhere; asking forgets it.
  bool take_gateway_notices() { return std::exchange(gateway_notices_, Notices::None) == Notices::Some; }
  // When something that was told of, but not looked at yet, may be; nothing: all was.
  std::optional<base::BootTime> next_look() const;

  // The wall clock was set: deadlines are derived anew.
  Result<> reset_deadlines(const ClockPair& clocks);

  // The device of a VPC's gateway in the instance's namespace; 0: it is gone.
  Result<> set_gateway(const model::VpcId& vpc, int ifindex);
  // The addresses by which others know the machine: published ports are there.
  Result<> know_machine(const std::set<net::Address>& addresses);
  // Of which VPCs it knows a gateway.
  const std::map<model::VpcId, int>& gateways() const { return gateways_; }
  // VPCs that have a TNI attached here.
  std::set<model::VpcId> vpcs_here() const;

  // Ends everything of this instance in the kernel that open() and update() made.
  static Result<> remove_all(const Options& options);

  // By object: what doesn't hold, and why.
  const std::map<std::string, std::string>& problems() const { return problems_; }
  const Bpf& bpf() const { return bpf_; }
  Links& links() { return *links_; }
  const Links& links() const { return *links_; }

  // One that isn't attached here may have none.
  std::optional<uint32_t> slot_of(const model::TniId& id) const { return tni_slots_.find(id.text); }
  std::optional<uint32_t> slot_of(const model::VpcId& id) const { return vpc_slots_.find(id.text); }
  std::optional<uint32_t> slot_of_rule(uint64_t number) const;
  // What the groups were compiled to.
  const Policy& policy() const { return policy_; }
  const Borders& borders() const { return borders_; }
  Result<abi::counters> counters_of(const model::TniId& id) const;
  Result<uint64_t> hits_of(const model::RuleId& id) const;
  Result<uint64_t> hits_of(const model::AclRuleId& id) const;

 private:
  struct Held {
    Interface interface;
    int ifindex = 0;
    std::string alias;    // of the machine's side
    int peer_netns = -1;  // of the workload, as notices name it
  };
  // Who takes away again and again what was put back has to wait, longer each time.
  struct Patience {
    reconcile::Backoff backoff;
    base::BootTime until;  // not looked at before
    base::BootTime last;   // mended last
  };
  struct Round {
    std::optional<model::WorkloadId> at;  // looked at last
    enum class Workloads { Underway, Over } workloads = Workloads::Underway;
    Passes maps;        // in reverse: the next is the last one
    size_t mended = 0;  // rows
  };
  enum class Notices { None, Some };
  enum class Phase { Adopting, Running };

  Datapath(Options options, Bpf bpf)
      : options_(std::move(options)),
        bpf_(std::move(bpf)),
        gateway_devices_(bpf_.gateways),
        tnis_(bpf_.tnis),
        vpcs_(bpf_.vpcs),
        endpoints_(bpf_.endpoints),
        ranges_(bpf_.ranges),
        machine_(bpf_.machine),
        policy_({}),
        tni_slots_(options_.most_tnis) {}
  Result<> adopt();
  Result<> adopt_tnis();
  Result<> adopt_borders();
  Borders::Places places() const;
  Result<> remove_stray_borders(const model::State& state);
  void attempt(const std::string& what, Result<> result);

  Result<> put_vpc(const model::State& state, const model::Vpc& vpc);
  Result<> drop_vpc(const model::Vpc& vpc);
  Result<> put_subnet(const model::Subnet& subnet);
  Result<> drop_subnet(const model::Subnet& subnet);
  Result<> put_tni(const model::Tni& tni);
  Result<> rest_tni(const model::Tni& tni);
  Result<> drop_tni(const model::Tni& tni);
  Result<> free_slot(const std::string& tni, uint32_t slot);
  bool has_place(const model::TniId& id) const;
  Result<> drop_endpoints(const model::Tni& tni, const model::Tni* after);
  void sync_workload(const model::State& state, const model::WorkloadId& id);
  void sync_interface(const model::State& state, const model::TniId& id);
  Result<> make_interface(const Interface& interface);
  Result<> drop_interface(const model::TniId& id);
  Result<> remove_leftovers(const model::State& state);
  uint32_t vpc_slot(const model::VpcId& id);
  Result<> write_tni(uint32_t slot, abi::tni row);
  Result<> move_generation();
  Result<> write_plan(const PolicyPlan& plan, const BorderPlan& borders, const std::vector<SetMove>& moves,
                      const ClockPair& clocks);
  void hold(const Interface& interface, int ifindex);
  void let_go(const model::TniId& id);
  void listen();
  void meet_netns(const model::TniId& id, Held& held, int netns);

  // heal_linux.cc
  Repairs look(const model::State& state, const ClockPair& clocks);
  void take_notices();
  void begin_round(Repairs& repairs);
  bool is_gateway(int device) const;
  void go_on_with_workloads(const model::State& state, Repairs& repairs);
  void go_on_with_maps(Repairs& repairs);
  Passes passes_over_maps();
  Result<> keep_pins(Repairs& repairs);
  Result<> keep_own_name(Repairs& repairs);
  Result<> keep_generation(Repairs& repairs);
  Result<> keep_gateways(Repairs& repairs);
  void look_at(const model::State& state, const model::Workload& workload, Repairs& repairs);
  void look_at(const model::State& state, const model::TniId& id, Repairs& repairs);
  Result<Insides::Name> keep_namespace(const model::State& state, const model::WorkloadId& id);
  Result<std::string> mend(const model::State& state, const model::TniId& id);
  Result<std::string> remake(const model::State& state, const model::TniId& id);
  Result<std::string> mend_machine_side(const Held& held, const os::Link& link);
  Result<> keep_judge(Repairs& repairs);
  Result<bool> keep_gateway_program(int ifindex);
  abi::endpoint_key endpoint_key_of(const model::VpcId& vpc, const net::Address& address);

  Options options_;
  Bpf bpf_;
  // What others than the policy put into the maps.
  KeptMap<uint32_t, uint32_t> gateway_devices_;
  KeptMap<uint32_t, abi::tni> tnis_;  // their sets are set_of_tni_
  KeptMap<uint32_t, abi::vpc> vpcs_;
  KeptMap<abi::endpoint_key, abi::endpoint> endpoints_;
  KeptMap<abi::range_key, uint32_t> ranges_;
  KeptMap<abi::address, uint32_t> machine_;
  std::unique_ptr<Links> links_;
  std::optional<Insides> insides_;
  std::optional<os::Monitor> monitor_;
  os::Monitor::Around around_ = os::Monitor::Around::No;
  Policy policy_;
  Borders borders_;
  Phase phase_ = Phase::Adopting;
  // By the ids' texts. Those that are attached here have one; those that were, rest.
  // A slot is another's only after twice as many were attached as may be at one time:
  // by then the flow table was swept, which takes seconds, and no flow names it.
  Slots<std::string> tni_slots_;
  static_assert(3 * model::kMostTnisPerMachine < abi::MOST_TNIS);
  Slots<std::string> vpc_slots_{abi::MOST_VPCS};
  std::map<uint32_t, uint32_t> set_of_tni_;  // by slot: the set's slot in the kernel
  std::map<model::TniId, Held> held_;
  std::map<std::string, FoundLink> found_;  // by TNI: of an earlier weftd, not yet claimed
  std::set<std::string> netns_;
  std::map<model::VpcId, int> gateways_;
  std::map<std::string, std::string> problems_;

  uint32_t generation_ = 0;
  ClockPair clocks_{};  // of the turn
  std::optional<Round> round_;
  std::set<model::TniId> dirty_;  // to be looked at out of turn
  Notices gateway_notices_ = Notices::None, judge_notices_ = Notices::None;
  std::set<int> gateway_netns_;
  std::map<int, model::TniId> tni_of_device_;
  std::map<int, std::set<model::TniId>> tnis_of_netns_;
  std::map<model::TniId, Patience> patience_;
};

}  // namespace weft::datapath
