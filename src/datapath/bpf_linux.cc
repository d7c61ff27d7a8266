#include "datapath/bpf_linux.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <ctime>

#include "base/check.h"
#include "os/file.h"
#include "weft.skel.h"

namespace weft::datapath {

using base::errno_error;

namespace {

// libbpf's warnings go nowhere: what matters comes back as an error, with the
// verifier's last words where it was the verifier.
int say_nothing(libbpf_print_level, const char*, va_list) { return 0; }

// Of the kernel's clock in ticks, in ns: what the coarse clocks are exact to.
uint64_t length_of_tick() {
  timespec tick{};
  CHECK(clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0);
  return static_cast<uint64_t>(tick.tv_nsec);
}

// Whether what is pinned there is a map of this shape; also if nothing is.
Result<bool> fits_pin(const bpf_map* wanted, const std::string& path) {
  const os::Fd pinned(bpf_obj_get(path.c_str()));
  if (!pinned.valid()) {
    if (errno == ENOENT) return true;
    return errno_error("look at " + path, errno);
  }
  bpf_map_info info{};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(pinned.get(), &info, &size) != 0) return errno_error("look at " + path, errno);
  return info.type == bpf_map__type(wanted) && info.key_size == bpf_map__key_size(wanted) &&
         info.value_size == bpf_map__value_size(wanted) && info.max_entries == bpf_map__max_entries(wanted);
}

}  // namespace

Bpf::Bpf() = default;
Bpf::Bpf(Bpf&& other) noexcept { *this = std::move(other); }
Bpf& Bpf::operator=(Bpf&& other) noexcept {
  std::swap(skeleton_, other.skeleton_);
  from_tni_ = std::move(other.from_tni_);
  from_gateway_ = std::move(other.from_gateway_);
  events_fd_ = other.events_fd_;
  gateways = other.gateways;
  tnis = other.tnis;
  vpcs = other.vpcs;
  endpoints = other.endpoints;
  ranges = other.ranges;
  machine = other.machine;
  subnets = other.subnets;
  borders = other.borders;
  routes = other.routes;
  acls = other.acls;
  acl_hits = other.acl_hits;
  sets = other.sets;
  prefixes = other.prefixes;
  identities = other.identities;
  cells = other.cells;
  choices = other.choices;
  rules = other.rules;
  flows = other.flows;
  flow_counts = other.flow_counts;
  generation = other.generation;
  common = other.common;
  tni_counters = other.tni_counters;
  rule_hits = other.rule_hits;
  reasons = other.reasons;
  judging = other.judging;
  return *this;
}
Bpf::~Bpf() { weft_bpf__destroy(skeleton_); }

Result<Bpf> Bpf::open(const Options& options) {
  libbpf_set_print(say_nothing);
  Bpf bpf;
  TRY_VOID(bpf.load(options));
  TRY_VOID(bpf.start_sweep());
  return bpf;
}

Result<> Bpf::load(const Options& options) {
  TRY_VOID(os::make_directories(options.pins, 0700));
  skeleton_ = weft_bpf__open();
  if (skeleton_ == nullptr) return errno_error("open the BPF programs", errno);
  skeleton_->rodata->tick = length_of_tick();
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    const std::string name = bpf_map__name(map);
    if (bpf_map__is_internal(map)) continue;
    if (name == "flows" || name == "flow_slots" || name == "flow_free") {
      bpf_map__set_max_entries(map, options.most_flows);
    }
    if (bpf_map__set_pin_path(map, (options.pins + "/" + name).c_str()) != 0) {
      return errno_error("pin map " + name, errno);
    }
  }
  TRY_VOID(drop_other_layouts());
  std::string log(64 << 10, '\0');
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) bpf_program__set_log_buf(program, log.data(), log.size());
  if (const int fault = weft_bpf__load(skeleton_); fault != 0) {
    log.resize(std::strlen(log.c_str()));
    return errno_error("load the BPF programs", -fault)
        .within(log.substr(log.size() - std::min<size_t>(log.size(), 500)));
  }
  const auto cpus = static_cast<size_t>(libbpf_num_possible_cpus());
  const auto take = [](auto& to, const char* name, const bpf_map* from) { to = {name, bpf_map__fd(from)}; };
  const auto take_per_cpu = [&](auto& to, const char* name, const bpf_map* from) {
    to = {name, bpf_map__fd(from), cpus};
  };
  const auto& maps = skeleton_->maps;
  take(gateways, "gateways", maps.gateways);
  take(tnis, "tnis", maps.tnis);
  take(vpcs, "vpcs", maps.vpcs);
  take(endpoints, "endpoints", maps.endpoints);
  take(ranges, "ranges", maps.ranges);
  take(machine, "machine", maps.machine);
  take(subnets, "subnets", maps.subnets);
  take(borders, "borders", maps.borders);
  take(routes, "routes", maps.routes);
  take(acls, "acls", maps.acls);
  take(acl_hits, "acl_hits", maps.acl_hits);
  take(sets, "sets", maps.sets);
  take(prefixes, "prefixes", maps.prefixes);
  take(identities, "identities", maps.identities);
  take(cells, "cells", maps.cells);
  take(choices, "choices", maps.choices);
  take(rules, "rules", maps.rules);
  take(flows, "flows", maps.flows);
  take(flow_counts, "flow_counts", maps.flow_counts);
  take(generation, "generation", maps.generation);
  take(common, "common", maps.common);
  take_per_cpu(tni_counters, "tni_counters", maps.tni_counters);
  take_per_cpu(rule_hits, "rule_hits", maps.rule_hits);
  take_per_cpu(reasons, "reasons", maps.reasons);
  take_per_cpu(judging, "judging", maps.judging);
  events_fd_ = bpf_map__fd(maps.events);
  // Descriptors of our own: netlink wants them as such.
  from_tni_ = os::Fd(fcntl(bpf_program__fd(skeleton_->progs.from_tni), F_DUPFD_CLOEXEC, 3));
  from_gateway_ = os::Fd(fcntl(bpf_program__fd(skeleton_->progs.from_gateway), F_DUPFD_CLOEXEC, 3));

  if (TRY(generation.get(0)) == 0) {
    abi::common fresh{};
    fresh.most_flows = options.most_flows;
    TRY_VOID(common.put(0, fresh));
    TRY_VOID(generation.put(0, 1));
  }
  return {};
}

// Maps of another version's layout can't be used. Then all go: rows of one refer to
// another's. What programs that still run know of them stays until those are exchanged.
Result<> Bpf::drop_other_layouts() const {
  std::vector<std::string> pins;
  bool fit = true;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    const char* path = bpf_map__pin_path(map);
    if (path == nullptr) continue;
    pins.emplace_back(path);
    fit = fit && TRY(fits_pin(map, path));
  }
  if (fit) return {};
  for (const std::string& path : pins) TRY_VOID(os::remove_file(path));
  return {};
}

Result<std::vector<std::string>> Bpf::restore_pins() const {
  std::vector<std::string> restored;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    const char* path = bpf_map__pin_path(map);
    if (path == nullptr) continue;
    const std::string place = path;
    if (restored.empty() && access(path, F_OK) != 0) {
      TRY_VOID(os::make_directories(place.substr(0, place.rfind('/')), 0700));
    }
    if (!TRY(bpf::keep_pinned(bpf_map__fd(map), place))) restored.emplace_back(bpf_map__name(map));
  }
  return restored;
}

int Bpf::judge_probe() const { return bpf_program__fd(skeleton_->progs.judge_probe); }
int Bpf::trace_probe() const { return bpf_program__fd(skeleton_->progs.trace_probe); }
int Bpf::sweep_probe() const { return bpf_program__fd(skeleton_->progs.sweep_probe); }

Result<> Bpf::start_sweep() const {
  std::array<char, 64> packet{};
  bpf_test_run_opts run{};
  run.sz = sizeof run;
  run.data_in = packet.data();
  run.data_size_in = packet.size();
  run.repeat = 1;
  if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.start_sweep), &run) != 0) {
    return errno_error("start the sweep of the flow table", errno);
  }
  if (run.retval != 0) return error(base::Code::Failed, "start the sweep of the flow table: no timer");
  return {};
}

Result<std::unique_ptr<Events>> Events::open(const Bpf& bpf) {
  std::unique_ptr<Events> events(new Events);
  events->ring_ = ring_buffer__new(bpf.events_fd(), &Events::take_one, events.get(), nullptr);
  if (events->ring_ == nullptr) return errno_error("open the ring of events", errno);
  return events;
}

Events::~Events() { ring_buffer__free(ring_); }

int Events::take_one(void* self, void* data, size_t size) {
  auto& events = *static_cast<Events*>(self);
  if (size >= sizeof(abi::event)) (*events.take_)(*static_cast<const abi::event*>(data));
  // Any negative answer ends the round, after this one.
  return --events.left_ == 0 ? -ECANCELED : 0;
}

size_t Events::drain(size_t most, const std::function<void(const abi::event&)>& take) {
  left_ = most;
  take_ = &take;
  ring_buffer__consume(ring_);
  return most - left_;
}

}  // namespace weft::datapath
