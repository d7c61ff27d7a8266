// The machine as the adapters reach it: open sockets into the namespaces.
#pragma once

#include <string>

#include "base/result.h"
#include "gateway/facts.h"
#include "gateway/options.h"
#include "gateway/plan.h"
#include "gateway/programs.h"
#include "gateway/traces.h"
#include "os/fd.h"
#include "os/netlink.h"
#include "os/netlink_link.h"

namespace weft::gateway {

inline constexpr const char* kUplinkProgram = "weft_from_uplink";
inline constexpr const char* kBorderProgram = "weft_from_border";
inline constexpr const char* kReservedPorts = "ipv4/ip_local_reserved_ports";

struct MachineSockets {
  os::Fd netns;
  os::Netlink links;
  os::Netlink sockets;
  os::Fd instance_netns;
  os::Netlink instance;

  // The calling thread is in the machine's namespace.
  static Result<MachineSockets> open(os::Fd instance_netns);
};

std::string traces_path(const Options& options);

// All that the kernel keeps from programs that ask for any port.
Result<PortSet> read_reserved(const MachineSockets& machine);
Result<MachineFacts> read_facts(MachineSockets& machine, const Options& options);
Result<Actual> read_actual(MachineSockets& machine, const Programs& programs, const Options& options);
Result<> apply(MachineSockets& machine, const Programs& programs, const Options& options, const Step& step);

// The parts of apply that need no programs; remove_all has none.
Result<> remove_gateway(MachineSockets& machine, const RemoveGateway& step);
Result<> remove_stray(MachineSockets& machine, const std::string& name);
Result<> detach_uplink(MachineSockets& machine, const Options& options, int link);
Result<> remove_guard(MachineSockets& machine, const Options& options);
Result<> reserve(MachineSockets& machine, const Options& options, const PortSet& ports);

// What `in` remembers of the rules beside it.
std::string rules_mark(uint64_t fingerprint, uint32_t generation);

}  // namespace weft::gateway
