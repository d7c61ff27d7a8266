// The BPF programs and maps of this instance in the kernel. The maps are pinned:
// opening again finds them, with every flow and every counter; unless a version with
// another layout made them: then they begin empty, and flows are judged anew.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bpf/abi.h"
#include "bpf/map_linux.h"
#include "os/fd.h"

struct weft_bpf;
struct ring_buffer;

namespace weft::datapath {

using bpf::Map;
using bpf::PerCpuArray;

class Bpf {
 public:
  struct Options {
    std::string pins;  // a directory in a bpffs; made if it is missing
    uint32_t most_flows = abi::MOST_FLOWS;
  };
  static Result<Bpf> open(const Options& options);
  Bpf(Bpf&&) noexcept;
  Bpf& operator=(Bpf&&) noexcept;
  ~Bpf();

  // Program descriptors: for tc, and for a test run.
  const os::Fd& from_tni() const { return from_tni_; }
  const os::Fd& from_gateway() const { return from_gateway_; }
  int judge_probe() const;
  int trace_probe() const;
  int sweep_probe() const;

  Map<uint32_t, uint32_t> gateways;
  Map<uint32_t, abi::tni> tnis;
  Map<uint32_t, abi::vpc> vpcs;
  Map<abi::endpoint_key, abi::endpoint> endpoints;
  Map<abi::range_key, uint32_t> ranges;
  Map<abi::address, uint32_t> machine;
  Map<uint32_t, abi::subnet> subnets;
  Map<uint32_t, abi::border> borders;
  Map<abi::route_key, abi::route> routes;
  Map<abi::acl_key, abi::acl> acls;
  Map<uint64_t, uint64_t> acl_hits;
  Map<uint32_t, abi::set> sets;
  Map<abi::prefix_key, abi::prefix> prefixes;
  Map<abi::identity_key, abi::versioned> identities;
  Map<abi::cell_key, uint32_t> cells;
  Map<uint32_t, abi::choice> choices;
  Map<uint32_t, abi::rule> rules;
  Map<abi::flow_key, abi::flow> flows;
  Map<uint32_t, uint32_t> flow_counts;
  Map<uint32_t, uint32_t> generation;
  Map<uint32_t, abi::common> common;
  PerCpuArray<abi::counters> tni_counters;
  PerCpuArray<uint64_t> rule_hits;
  PerCpuArray<uint64_t> reasons;
  PerCpuArray<uint32_t> judging;
  int events_fd() const { return events_fd_; }
  // Puts back the names of maps that somebody took away. Answers which.
  Result<std::vector<std::string>> restore_pins() const;

 private:
  Bpf();
  Result<> load(const Options& options);
  Result<> drop_other_layouts() const;
  Result<> start_sweep() const;

  weft_bpf* skeleton_ = nullptr;
  os::Fd from_tni_, from_gateway_;
  int events_fd_ = -1;
};

// The ring of events, read in batches.
class Events {
 public:
  static Result<std::unique_ptr<Events>> open(const Bpf& bpf);
  ~Events();
  // Hands over what has come, `most` at the most; answers how many.
  size_t drain(size_t most, const std::function<void(const abi::event&)>& take);

 private:
  Events() = default;
  static int take_one(void* self, void* data, size_t size);
  ring_buffer* ring_ = nullptr;
  size_t left_ = 0;
  const std::function<void(const abi::event&)>* take_ = nullptr;
};

}  // namespace weft::datapath
