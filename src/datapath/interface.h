// What an attached TNI is in the kernel: a veth pair between the instance's
// namespace and the workload's, and the addresses and routes in the latter.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datapath/names.h"
#include "model/state.h"

namespace weft::datapath {

inline constexpr net::Mac kRouterMac{{0x02, 0x77, 0x65, 0x66, 0x74, 0x01}};  // bpf/deliver.h
// Fits the tunnel between machines on an underlay of 1,500.
inline constexpr unsigned kMtu = 1350;

enum class Home { Workload, Machine };

struct Interface {
  model::TniId tni;
  model::WorkloadId workload;
  Home home = Home::Workload;
  std::string netns;         // of the workload; empty: the machine's own
  std::string machine_side;  // device in the instance's namespace
  std::string device;        // eth0, eth1, ... in the workload's
  uint32_t position = 0;
  net::Mac mac;
  std::vector<net::Address> addresses;
  net::Prefix cidr;
  std::optional<net::Prefix> cidr6;
  unsigned mtu = kMtu;

  bool operator==(const Interface&) const = default;
  // A word that is the same exactly for equal interfaces; it is kept beside the
  // device, so that a later weftd knows what it finds.
  std::string fingerprint() const;
};

// Nothing for a TNI that isn't attached here.
std::optional<Interface> compile_interface(const model::State& state, const model::MachineId& self, const Names& names,
                                           const model::Tni& tni);

// A number that differs whenever the TNI was attached anew or got other addresses:
// flows of before are judged again. Never 0.
uint32_t salt_of(const model::Tni& tni);
// A number that differs when the VPC's ranges do: flows through its gateway are
// judged again.
uint32_t version_of_ranges(const model::Vpc& vpc);
// INTERNET_* of bpf/abi.h.
uint32_t internet_of(const model::Vpc& vpc);

}  // namespace weft::datapath
