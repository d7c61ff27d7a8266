// The data path on this machine: it is told what changed in the agreed state and
// makes the kernel carry and refuse packets accordingly.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "datapath/bpf_linux.h"
#include "datapath/links_linux.h"
#include "datapath/policy.h"
#include "datapath/policy_write_linux.h"

namespace weft::datapath {

class Datapath {
 public:
  struct Options {
    Names names;
    std::string pins;  // directory in a bpffs
    model::MachineId self;
    uint32_t most_flows = abi::MOST_FLOWS;
  };
  // Finds what an earlier weftd left, or starts with nothing. Traffic goes on by
  // what is in the kernel until the first update().
  static Result<std::unique_ptr<Datapath>> open(const Options& options);

  // Carries out what follows from the changes; `state` has them already. The first
  // call gets every object as a change from nothing: what the kernel holds beyond
  // it goes. What fails is a problem, is tried again by heal(), and holds up nothing
  // else.
  void update(const model::State& state, const model::Changes& changes, const ClockPair& clocks);

  // Compares the kernel with what it should hold and mends the difference.
  // Answers what it mended, a line each.
  std::vector<std::string> heal(const model::State& state, const ClockPair& clocks);

  // The wall clock was set: deadlines are derived anew.
  Result<> reset_deadlines(const ClockPair& clocks);

  // The device of a VPC's gateway in the instance's namespace; 0: it is gone.
  Result<> set_gateway(const model::VpcId& vpc, int ifindex);
  // VPCs that have a TNI attached here.
  std::set<model::VpcId> vpcs_here() const;

  // Ends everything of this instance in the kernel that open() and update() made.
  static Result<> remove_all(const Options& options);

  // By object: what doesn't hold, and why.
  const std::map<std::string, std::string>& problems() const { return problems_; }
  const Bpf& bpf() const { return bpf_; }
  Links& links() { return *links_; }

  std::optional<uint32_t> slot_of(const model::TniId& id) const { return tni_slots_.find(id.text); }
  std::optional<uint32_t> slot_of(const model::VpcId& id) const { return vpc_slots_.find(id.text); }
  std::optional<uint32_t> slot_of_rule(uint64_t number) const;
  // What the groups were compiled to.
  const Policy& policy() const { return policy_; }
  Result<abi::counters> counters_of(const model::TniId& id) const;
  Result<uint64_t> hits_of(const model::RuleId& id) const;

 private:
  struct Held {
    Interface interface;
    int ifindex = 0;
  };
  enum class Phase { Adopting, Running };

  Datapath(Options options, Bpf bpf) : options_(std::move(options)), bpf_(std::move(bpf)), policy_({}) {}
  Result<> adopt();
  void attempt(const std::string& what, Result<> result);

  Result<> put_vpc(const model::State& state, const model::Vpc& vpc);
  Result<> drop_vpc(const model::Vpc& vpc);
  Result<> put_subnet(const model::Subnet& subnet);
  Result<> drop_subnet(const model::Subnet& subnet);
  Result<> put_tni(const model::State& state, const model::Tni& tni);
  Result<> drop_tni(const model::Tni& tni);
  Result<> drop_endpoints(const model::Tni& tni, const model::Tni* after);
  void sync_workload(const model::State& state, const model::WorkloadId& id);
  void sync_interface(const model::State& state, const model::TniId& id);
  Result<> make_interface(const Interface& interface);
  Result<> drop_interface(const model::TniId& id);
  Result<> remove_leftovers(const model::State& state);
  uint32_t vpc_slot(const model::VpcId& id);
  abi::endpoint_key endpoint_key_of(const model::VpcId& vpc, const net::Address& address);

  Options options_;
  Bpf bpf_;
  std::unique_ptr<Links> links_;
  Policy policy_;
  Phase phase_ = Phase::Adopting;
  Slots<std::string> tni_slots_{abi::MOST_TNIS};  // by the ids' texts
  Slots<std::string> vpc_slots_{abi::MOST_VPCS};
  std::map<uint32_t, uint32_t> set_of_tni_;  // by slot: the set's slot in the kernel
  std::map<model::TniId, Held> held_;
  std::map<std::string, FoundLink> found_;  // by TNI: of an earlier weftd, not yet claimed
  std::set<std::string> netns_;
  std::map<model::VpcId, int> gateways_;
  std::map<std::string, std::string> problems_;
};

}  // namespace weft::datapath
