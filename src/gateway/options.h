// What an instance calls its gateways' things, and the parts of the machine that
// it may use for them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/ports.h"
#include "model/ids.h"
#include "net/address.h"

namespace weft::gateway {

struct Options {
  std::string netns_prefix = "weft-gw-";  // then the digits of the VPC's id
  std::string device_prefix = "weft-gw";  // in the machine's namespace; then the slot. 11 bytes at most
  std::string table = "weft";             // of nftables, in the machine's namespace
  std::string machine_device = "weft0";   // of the machine's own TNI; the data path names it
  std::string pins = {};                  // directory in a bpffs
  std::string run = {};                   // directory that ends with the machine's uptime
  std::string cgroup = {};  // root of the programs that may call published ports; empty: the cgroup2 mount
  std::string resolv_conf = "/etc/resolv.conf";
  std::string upstream_resolv_conf = "/run/systemd/resolve/resolv.conf";  // when the first names a local stub
  PortRange ports = {61056, 65535};  // of the machine's address; above those that the kernel hands out
  unsigned mtu = 1350;               // of the TNIs
  uint16_t priority = 0x7765;        // of the filter at the uplinks

  // The names of an instance; empty: the machine's default one.
  static Options of(std::string_view instance);
  std::string netns_of(const model::VpcId& vpc) const;
  std::string device_of(uint32_t slot) const;
  bool is_netns(std::string_view name) const;
  bool is_device(std::string_view name) const;
  // Whether a device has a name as those in the machine's namespace have, of any instance.
  static bool is_of_any(std::string_view name);
  uint32_t handle() const;  // of the filter; another for each instance
};

// Fixed in every gateway's namespace.
inline constexpr int kIn = 100;   // index of the device `in`, towards the TNIs
inline constexpr int kOut = 101;  // and of `out`, towards the machine
// bpf/deliver.h has the first two.
inline constexpr net::Mac kRouterMac{{0x02, 0x77, 0x65, 0x66, 0x74, 0x01}};
inline constexpr net::Mac kGatewayMac{{0x02, 0x77, 0x65, 0x66, 0x74, 0x02}};
inline constexpr net::Mac kOutMac{{0x02, 0x77, 0x65, 0x66, 0x74, 0x03}};
inline constexpr net::Mac kMachineMac{{0x02, 0x77, 0x65, 0x66, 0x74, 0x04}};
// Marks our routes among those that others add.
inline constexpr uint8_t kRouteProtocol = 0x77;

}  // namespace weft::gateway
