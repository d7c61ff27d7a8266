// A TNI is a network interface that owns its addresses, its MAC and its groups.
// It is attached to at most one workload, outlives it, and moves with all it owns.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "net/address.h"

namespace weft::model {

enum class SourceCheck { On, Off };

// Whether the TNI was made for one workload by `weft run` and goes with it.
enum class Lifetime { Own, WithWorkload };

// Seconds without a packet after which a flow is forgotten.
struct FlowTimeouts {
  uint32_t tcp_opening = 60;
  uint32_t tcp_established = 432'000;
  uint32_t tcp_closing = 60;
  uint32_t udp_one_way = 30;
  uint32_t udp_both_ways = 180;
  uint32_t other = 600;
  bool operator==(const FlowTimeouts&) const = default;
};

struct Tni {
  TniId id;
  std::string name;  // unique in the VPC
  VpcId vpc;
  SubnetId subnet;
  net::Mac mac;
  net::Address ip;                      // primary IPv4
  std::vector<net::Address> secondary;  // further IPv4
  std::optional<net::Address> ip6;
  std::vector<GroupId> groups;  // sorted, 1 to 16
  SourceCheck source_check = SourceCheck::On;
  FlowTimeouts timeouts;
  MachineId machine;    // where it is attached
  WorkloadId workload;  // empty: attached to none
  uint32_t device = 0;  // eth0, eth1, ... in the workload
  uint64_t epoch = 1;   // grows with each attachment
  Lifetime lifetime = Lifetime::Own;

  std::vector<net::Address> addresses() const;
  bool operator==(const Tni&) const = default;
};

template <class F>
void fields(F&& f, FlowTimeouts& t) {
  f("tcp_opening", t.tcp_opening);
  f("tcp_established", t.tcp_established);
  f("tcp_closing", t.tcp_closing);
  f("udp_one_way", t.udp_one_way);
  f("udp_both_ways", t.udp_both_ways);
  f("other", t.other);
}
template <class F>
void fields(F&& f, Tni& t) {
  f("id", t.id);
  f("name", t.name);
  f("vpc", t.vpc);
  f("subnet", t.subnet);
  f("mac", t.mac);
  f("ip", t.ip);
  f("secondary", t.secondary);
  f("ip6", t.ip6);
  f("groups", t.groups);
  f("source_check", t.source_check);
  f("timeouts", t.timeouts);
  f("machine", t.machine);
  f("workload", t.workload);
  f("device", t.device);
  f("epoch", t.epoch);
  f("lifetime", t.lifetime);
}

}  // namespace weft::model
