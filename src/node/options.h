// Where an instance of weftd keeps its things.
#pragma once

#include <string>

#include "bpf/abi.h"
#include "datapath/names.h"

namespace weft::node {

struct Options {
  std::string instance;         // empty: the machine's default one
  std::string state_directory;  // survives a power cycle
  std::string run_directory;    // doesn't
  std::string socket;           // where the command line finds us
  std::string shim;             // path of weft-shim

  datapath::Names names() const { return {.instance = instance}; }
  std::string pins() const { return run_directory + "/bpf/v" + std::to_string(abi::ABI_VERSION); }
  std::string lock() const { return run_directory + "/lock"; }
};

// The usual places of an instance, for what was left empty.
Options with_defaults(Options options);

}  // namespace weft::node
