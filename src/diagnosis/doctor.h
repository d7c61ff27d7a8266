// The doctor examines the machine: what Weft needs of it, and what gets in its
// way. Facts are gathered in one place, and judged by a pure function.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/backend.h"

namespace weft::diagnosis {

enum class Found { No, Yes };

struct Firewall {
  std::string table;  // "inet filter", or "iptables filter"
  Found drops_forwarded = Found::No;
};

struct Cgroups {
  int version = 0;                    // 0: none is mounted
  std::set<std::string> controllers;  // that can be used
  bool operator==(const Cgroups&) const = default;
};

struct MachineFacts {
  std::string kernel;  // release, "6.1.0-18-amd64"
  // What the data path is made of ("bpf_redirect_peer"), and whether this kernel
  // has it.
  std::vector<std::pair<std::string, Found>> features;
  Found btf = Found::No;
  Found bpffs = Found::No;  // where the pins are
  Cgroups cgroups;
  std::vector<std::string> missing_programs;
  std::vector<Firewall> firewalls;           // of others
  std::vector<std::string> uplink_programs;  // of others, at tc
  std::string uplink;                        // device of the default route; empty: none
  unsigned uplink_mtu = 0;
  std::vector<net::Address> resolvers;
  std::string handed_out_ports;  // ip_local_port_range, "32768 60999"
  std::string reserved_ports;    // ip_local_reserved_ports, "8080,9000-9100"
  std::string state_fault;       // why the directory can't be written; empty: it can
  uint64_t state_free_bytes = 0;
  uint64_t state_free_files = 0;
  base::WallTime now;
  Found clock_synchronised = Found::No;
  uint64_t most_open_files = 0;
};

struct DoctorOptions {
  std::string state_directory;
  std::string pins;                             // directory in a bpffs
  std::vector<std::string> programs = {"nft"};  // that weftd runs
  std::string resolv_conf = "/etc/resolv.conf";
  std::string upstream_resolv_conf = "/run/systemd/resolve/resolv.conf";  // when the first names a local stub
  std::string gateway_ports = "61056-65535";  // that VPCs send from, on the machine's address
  std::string prefix = "weft";                // of the names of our tables and programs
};

// Reads the machine and changes nothing on it; what is tried out, is tried in a
// namespace that ends at once. What can't be read counts as absent. Blocks for some
// 20 ms, at most a few seconds.
MachineFacts examine(const DoctorOptions& options);

// One check for each thing, in a fixed order.
std::vector<api::Check> diagnose(const DoctorOptions& options, const MachineFacts& facts);

// Pure readers of what the machine says, in any state of decay.
Cgroups parse_cgroups(std::string_view mounts, std::string_view unified_controllers);
std::vector<net::Address> parse_name_servers(std::string_view resolv_conf);
std::vector<Firewall> parse_chains(std::string_view nft_json, std::string_view own_prefix);

}  // namespace weft::diagnosis
