// The ways between two namespaces that are compared: each built as its users
// have it, and taken away with the bench's own namespaces.
#pragma once

#include <memory>
#include <vector>

#include "bench/load.h"
#include "datapath/datapath.h"

namespace weft::bench {

Result<Path> bare_pair();                 // a veth pair, and nothing else
Result<Path> bridge_with_docker_rules();  // a bridge, and iptables rules of Docker's kind
Result<Path> routed_with_nftables();      // routing, with a stateful nftables policy
Result<Path> cni_bridge();                // the CNI bridge plugin with portmap

// Two TNIs of one VPC under Weft, with every feature that is on by default.
class Fabric {
 public:
  struct Size {
    size_t rules = 10;          // of the VPC
    size_t groups_per_tni = 1;  // on the measured TNIs
  };
  static Result<std::unique_ptr<Fabric>> make(const std::string& instance, const Size& size);
  ~Fabric();

  Result<Path> path(const std::string& name) const;
  datapath::Datapath& datapath() { return *datapath_; }
  const datapath::Names& names() const { return options_.names; }
  model::State& state() { return state_; }
  // Applies a command to the state and the data path.
  Result<> run(model::Command command);
  Result<model::TniId> add_tni();
  Result<> remove_tni(const model::TniId& id);
  // TNIs that nobody has: each has `shared`, and others that no other has together.
  Result<> add_combinations(size_t count, const model::GroupId& shared);
  Result<model::GroupId> add_group(const std::string& name);
  model::GroupId group() const { return groups_.front(); }
  base::Rng& rng() { return rng_; }

 private:
  Fabric() = default;
  Result<> found(const Size& size);

  base::Rng rng_{1};
  model::State state_;
  model::MachineId machine_;
  model::VpcId vpc_;
  model::SubnetId subnet_;
  std::vector<model::GroupId> groups_;
  std::vector<model::TniId> measured_;
  uint32_t next_address_ = 10;
  datapath::Datapath::Options options_;
  std::unique_ptr<datapath::Datapath> datapath_;
};

}  // namespace weft::bench
