// Writes the plans of the compilers into the maps, so that every packet is judged wholly
// by the old policy, routes and ACLs, or wholly by the new ones.
#pragma once

#include "datapath/borders.h"
#include "datapath/bpf_linux.h"
#include "datapath/policy.h"

namespace weft::datapath {

// Between the clock of the rules and that of the data path.
struct ClockPair {
  base::WallTime wall;
  base::BootTime boot;
};
// What the data path compares with; ~0 for never.
uint64_t deadline_of(const std::optional<base::WallTime>& until, const ClockPair& now);

// A TNI whose group set changes; its row is otherwise written elsewhere.
struct SetMove {
  uint32_t tni = 0;
  uint32_t before = 0, after = 0;
};

// Everything that becomes visible at once, then what nobody needs any more.
// Answers the generation that holds now.
Result<uint32_t> write_policy(const Bpf& bpf, const PolicyPlan& plan, const BorderPlan& borders,
                              const std::vector<SetMove>& moves, const ClockPair& clocks);

// Waits until no packet is being judged by an older generation: microseconds,
// as long as a packet takes.
Result<> wait_for_generation(const Bpf& bpf, uint32_t generation);

abi::address address_of(const net::Address& address);
abi::prefix_key key_of(const PrefixKey& key);
abi::cell_key key_of(const CellKey& key);
abi::identity_key key_of(const IdentityKey& key);
abi::rule rule_of(const RuleRow& row, const ClockPair& now);
abi::route_key key_of(const RouteKey& key);
abi::acl_key key_of(const AclKey& key);
abi::acl acl_of(const AclRows& rows);

}  // namespace weft::datapath
