// Where an instance of weftd keeps its things, and what of it this process is.
#pragma once

#include <string>

#include "bpf/abi.h"
#include "datapath/names.h"
#include "model/ids.h"

namespace weft::node {

// What is agreed, what goes on at this machine, or both in one process.
enum class Role { All, Control, Data };

struct Options {
  Role role = Role::All;
  std::string instance;         // empty: the machine's default one
  std::string state_directory;  // survives a power cycle
  std::string run_directory;    // doesn't
  std::string socket;           // where the command line finds us
  std::string shim;             // path of weft-shim

  datapath::Names names() const { return {.instance = instance}; }
  std::string pins() const { return run_directory + "/bpf/v" + std::to_string(abi::ABI_VERSION); }
  // Of who changes the machine, and of who changes the agreed state.
  std::string lock() const { return run_directory + "/lock"; }
  std::string control_lock() const { return run_directory + "/control.lock"; }
  // Where the data plane finds the control plane, and the control plane the data plane's API.
  std::string feed_socket() const { return run_directory + "/feed.sock"; }
  std::string data_socket() const { return run_directory + "/data.sock"; }
  std::string netns_path(const model::WorkloadId& id) const { return "/run/netns/" + names().netns_of(id); }
  std::string resolv_conf_path(const model::WorkloadId& id) const { return run_directory + "/resolv/" + id.text; }
  // The systemd unit after which namespaces are there: "weftd.service".
  std::string service() const;
};

// The usual places of an instance, for what was left empty.
Options with_defaults(Options options);

}  // namespace weft::node
