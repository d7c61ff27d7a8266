// The benchmark: Weft beside what people use instead, in one run, on one machine.
//
//   weft-bench [PREFIX] [--json FILE] [--rounds N] [--seconds S]
//
// One line per measurement: {"name","ours","reference","unit","ratio","low","high"},
// medians over the rounds; ratio = ours / reference, low and high its quartiles.
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>

#include "bench/daemon.h"
#include "bench/load.h"
#include "bench/paths.h"
#include "os/bpffs.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/netns.h"
#include "store/store.h"

namespace weft::bench {
namespace {

using base::Code;

struct Options {
  std::string prefix;
  std::string json;
  int rounds = 11;
  double seconds = 0.4;
};

struct Quartiles {
  double low = 0, median = 0, high = 0;
};

Quartiles quartiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
  };
  return {at(0.25), at(0.5), at(0.75)};
}

class Report {
 public:
  explicit Report(const std::string& file) {
    if (!file.empty()) file_.open(file, std::ios::trunc);
  }
  // A goal that is absolute has no reference.
  void add(const std::string& name, const std::vector<double>& ours, const std::vector<double>& reference,
           std::string_view unit) {
    std::vector<double> ratios;
    for (size_t i = 0; i < std::min(ours.size(), reference.size()); ++i) ratios.push_back(ours[i] / reference[i]);
    const Quartiles mine = quartiles(ours);
    std::string line;
    if (ratios.empty()) {
      line = fmt::format(
          R"({{"name":"{}","ours":{:.4g},"reference":null,"unit":"{}","ratio":null,"low":{:.4g},"high":{:.4g}}})", name,
          mine.median, unit, mine.low, mine.high);
    } else {
      const Quartiles ratio = quartiles(ratios);
      line = fmt::format(
          R"({{"name":"{}","ours":{:.5g},"reference":{:.5g},"unit":"{}","ratio":{:.4f},"low":{:.4f},"high":{:.4f}}})",
          name, mine.median, quartiles(reference).median, unit, ratio.median, ratio.low, ratio.high);
    }
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    if (file_.is_open()) file_ << line << std::endl;
  }

 private:
  std::ofstream file_;
};

double ms_of(const std::function<Result<>()>& action, Result<>& outcome) {
  const auto start = std::chrono::steady_clock::now();
  outcome = action();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

constexpr Measure kMeasures[] = {Measure::Latency, Measure::Connections, Measure::Packets, Measure::Throughput1,
                                 Measure::Throughput4};

// Measures all paths in turn, round after round, so that what the machine does
// meanwhile meets all of them.
Result<> compare(const Options& options, Report& report, const std::string& group, const Path& ours,
                 const std::vector<const Path*>& references, std::span<const Measure> measures) {
  for (const Measure what : measures) {
    const std::string name = group + "/" + std::string(name_of(what));
    if (!name.starts_with(options.prefix) && !options.prefix.starts_with(name)) continue;
    // Which processor does what differs from one stream to the next: only in a longer
    // round it evens out.
    const bool streams = what == Measure::Throughput1 || what == Measure::Throughput4;
    const double seconds = streams ? 2.5 * options.seconds : options.seconds;
    std::vector<double> mine;
    std::vector<std::vector<double>> theirs(references.size());
    for (int round = 0; round < options.rounds; ++round) {
      mine.push_back(TRY(measure(ours, what, seconds).within(name)));
      for (size_t i = 0; i < references.size(); ++i) {
        theirs[i].push_back(TRY(measure(*references[i], what, seconds).within(name)));
      }
    }
    for (size_t i = 0; i < references.size(); ++i) {
      report.add(i == 0 ? name : name + "/" + references[i]->name, mine, theirs[i], unit_of(what));
    }
  }
  return {};
}

// Reads the events as weftd does, so that the flow log costs what it costs.
class EventReader {
 public:
  static Result<std::unique_ptr<EventReader>> start(const datapath::Bpf& bpf) {
    return std::unique_ptr<EventReader>(new EventReader(TRY(datapath::Events::open(bpf))));
  }
  ~EventReader() {
    stop_ = true;
    thread_.join();
  }

 private:
  explicit EventReader(std::unique_ptr<datapath::Events> events)
      : events_(std::move(events)), thread_([this] {
          while (!stop_) {
            events_->drain(4096, [](const abi::event&) {});
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
          }
        }) {}
  std::unique_ptr<datapath::Events> events_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

Result<> same_host(const Options& options, Report& report) {
  const auto fabric = TRY(Fabric::make("bench", {}));
  const auto reader = TRY(EventReader::start(fabric->datapath().bpf()));
  const Path ours = TRY(fabric->path("weft"));
  const Path bare = TRY(bare_pair());
  const Path bridge = TRY(bridge_with_docker_rules());
  const Path nftables = TRY(routed_with_nftables());
  std::vector<const Path*> references{&bare, &bridge, &nftables};
  auto cni = cni_bridge();
  if (cni.ok()) {
    references.push_back(&*cni);
  } else {
    std::fprintf(stderr, "weft-bench: without the CNI bridge plugin: %s\n", cni.error().what.c_str());
  }
  return compare(options, report, "same-host", ours, references, kMeasures);
}

Result<> rules(const Options& options, Report& report) {
  const auto few = TRY(Fabric::make("few", {.rules = 10}));
  const auto many = TRY(Fabric::make("many", {.rules = 100'000, .groups_per_tni = 16}));
  Path few_path = TRY(few->path("few"));
  const Path many_path = TRY(many->path("many"));
  return compare(options, report, "rules", many_path, {&few_path}, std::span(kMeasures).first(3));
}

Result<> attach(const Options& options, Report& report) {
  const auto fabric = TRY(Fabric::make("attach", {}));
  std::vector<double> attached, detached;
  std::vector<model::TniId> ids;
  Result<> outcome;
  for (int i = 0; i < options.rounds * 20; ++i) {
    attached.push_back(ms_of(
        [&]() -> Result<> {
          ids.push_back(TRY(fabric->add_tni()));
          return {};
        },
        outcome));
    TRY_VOID(outcome);
  }
  for (const auto& id : ids) {
    detached.push_back(ms_of([&] { return fabric->remove_tni(id); }, outcome));
    TRY_VOID(outcome);
  }
  report.add("attach", attached, {}, "ms");
  report.add("detach", detached, {}, "ms");
  return {};
}

// Asking the kernel for all links would take long itself.
Result<> until_gone(os::Netlink& netlink, const std::string& device) {
  while (TRY(os::find_link(netlink, device))) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return {};
}

Result<> attach_many(const Options&, Report& report) {
  constexpr int kMany = 5000 - 2;  // two are there
  const auto fabric = TRY(Fabric::make("attach5", {}));
  std::vector<model::TniId> ids;
  Result<> outcome;
  const double up = ms_of(
      [&]() -> Result<> {
        for (int i = 0; i < kMany; ++i) ids.push_back(TRY(fabric->add_tni()));
        return {};
      },
      outcome);
  TRY_VOID(outcome);
  report.add("attach/5000", {up / 1000}, {}, "s");
  os::Netlink& own = fabric->datapath().links().own();
  const double down = ms_of(
      [&]() -> Result<> {
        for (const auto& id : ids) TRY_VOID(fabric->remove_tni(id));
        // Gone means gone from the kernel.
        for (const auto& id : ids) TRY_VOID(until_gone(own, fabric->names().machine_side_of(id)));
        return {};
      },
      outcome);
  TRY_VOID(outcome);
  report.add("detach/5000", {down / 1000}, {}, "s");
  return {};
}

Result<> change(const Options& options, Report& report) {
  const auto fabric = TRY(Fabric::make("change", {.rules = 100'000, .groups_per_tni = 1}));
  for (int i = 0; i < 4998; ++i) TRY_VOID(fabric->add_tni());
  std::vector<double> times;
  Result<> outcome;
  for (int i = 0; i < options.rounds * 20; ++i) {
    // In the middle of others' ports and inside a prefix: it splits both kinds of classes.
    const auto port = static_cast<uint16_t>(2000 + i * 7);
    const model::Rule rule{.id = model::RuleId::make(fabric->rng()),
                           .group = fabric->group(),
                           .traffic = {.protocol = model::kTcp, .first = port, .last = static_cast<uint16_t>(port + 3)},
                           .peer = *net::Prefix::parse(fmt::format("10.80.{}.0/24", i % 200))};
    times.push_back(ms_of([&] { return fabric->run({.operations = {model::Put{rule}}}); }, outcome));
    TRY_VOID(outcome);
    times.push_back(ms_of([&] { return fabric->run({.operations = {model::Remove{rule.id}}}); }, outcome));
    TRY_VOID(outcome);
  }
  report.add("change/kernel", times, {}, "ms");
  std::sort(times.begin(), times.end());
  report.add("change/kernel/p99", {times[times.size() * 99 / 100]}, {}, "ms");
  return {};
}

// What the kernel holds in maps for this process.
Result<double> maps_mib() {
  double bytes = 0;
  for (const std::string& fd : TRY(os::list_directory("/proc/self/fdinfo"))) {
    const auto info = TRY(os::find_file("/proc/self/fdinfo/" + fd, 1 << 16));
    const size_t at = info && info->find("map_type:") != std::string::npos ? info->find("memlock:") : std::string::npos;
    if (at != std::string::npos) bytes += std::atof(info->c_str() + at + 8);
  }
  return bytes / (1 << 20);
}

// The largest policy that the limits allow: as many combinations of groups as there may
// be, which have a group in common, so that each of its rules is there once for each of
// them. One change of it is either a rule of that group, or a rule of a prefix list that
// is the whole policy. Agreed and in the kernel; what is written to the disk is change/commit.
// The memory is what it is when nothing was measured before it.
Result<> worst(const Options& options, Report& report) {
  using namespace model;
  const auto fabric = TRY(Fabric::make("worst", {}));
  const auto shared = TRY(fabric->add_group("shared"));
  // One combination, and ten rules of it, are there.
  const size_t combinations = kLargestPolicy.sets - 1;
  const size_t peers = (kLargestPolicy.entries - 10) / combinations;
  TRY_VOID(fabric->add_combinations(combinations, shared));
  const auto prefix_of = [](size_t i) {
    return net::Prefix::of(net::Address::v4((172u << 24) + (16u << 16) + (static_cast<uint32_t>(i) << 8)), 24);
  };
  const auto rule_of = [&](Peer peer) {
    return Rule{.id = RuleId::make(fabric->rng()), .group = shared, .peer = std::move(peer)};
  };
  const auto change = [&](const Rule& rule, std::vector<double>& times) -> Result<> {
    Result<> outcome;
    times.push_back(ms_of([&] { return fabric->run({.operations = {Put{rule}}}); }, outcome));
    TRY_VOID(outcome);
    times.push_back(ms_of([&] { return fabric->run({.operations = {Remove{rule.id}}}); }, outcome));
    return outcome;
  };

  PrefixList list{.id = PrefixListId::make(fabric->rng()), .name = "all", .prefixes = {}};
  for (size_t i = 0; i < peers; ++i) list.prefixes.push_back(prefix_of(i));
  TRY_VOID(fabric->run({.operations = {Put{list}}}));
  std::vector<double> whole, single;
  for (int i = 0; i < std::min(options.rounds, 2); ++i) TRY_VOID(change(rule_of(list.id), whole));

  Command command;
  for (size_t i = 1; i < peers; ++i) {
    Rule rule = rule_of(prefix_of(i));
    // As many ranges as there may be kinds of traffic.
    const auto port = static_cast<uint16_t>(1000 + i);
    if (i % 5 == 0) rule.traffic = {.protocol = kTcp, .first = port, .last = static_cast<uint16_t>(port + 1000)};
    command.operations.emplace_back(Put{std::move(rule)});
  }
  TRY_VOID(fabric->run(std::move(command)));
  for (int i = 0; i < std::min(options.rounds, 5); ++i) TRY_VOID(change(rule_of(prefix_of(0)), single));
  report.add("worst/rule", single, {}, "ms");
  report.add("worst/list", whole, {}, "ms");
  report.add("worst/memory", {static_cast<double>(TRY(resident_kib_of("self"))) / 1024}, {}, "MiB");
  report.add("worst/memory/kernel", {TRY(maps_mib())}, {}, "MiB");
  return {};
}

// What a change waits for besides the kernel: its flush to the disk.
Result<> commit(const Options& options, Report& report) {
  const auto weftd = TRY(Weftd::start());
  const auto store = TRY(store::create_sqlite({.path = weftd.folder() + "/commits", .cluster = "bench"}));
  std::vector<double> times;
  Result<> outcome;
  for (int i = 1; i <= options.rounds * 20; ++i) {
    const store::Entry entry{.revision = static_cast<uint64_t>(i), .bytes = std::string(200, 'x')};
    times.push_back(ms_of([&] { return store->append({&entry, 1}); }, outcome));
    TRY_VOID(outcome);
  }
  report.add("change/commit", times, {}, "ms");
  return {};
}

// From the command line's start to its end.
Result<> run_one(const Options& options, Report& report) {
  const auto weftd = TRY(Weftd::start());
  std::vector<double> times;
  Result<> outcome;
  for (int i = 0; i < options.rounds * 4; ++i) {
    times.push_back(ms_of([&] { return weftd.weft({"run", "--rm", "--", "true"}); }, outcome));
    TRY_VOID(outcome);
  }
  report.add("run", times, {}, "ms");
  return {};
}

Result<> memory(const Options&, Report& report) {
  const auto weftd = TRY(Weftd::start());
  for (int i = 0; i < 1000; ++i) TRY_VOID(weftd.weft({"run", "--external", "--name", "w" + std::to_string(i)}));
  report.add("memory/1000", {static_cast<double>(TRY(weftd.resident_kib())) / 1024}, {}, "MiB");
  return {};
}

Result<Options> parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> Result<std::string> {
      if (i + 1 >= argc) return error(Code::Usage, "{} needs a value", word);
      return std::string(argv[++i]);
    };
    if (word == "--json") {
      options.json = TRY(value());
    } else if (word == "--rounds") {
      options.rounds = std::max(1, std::atoi(TRY(value()).c_str()));
    } else if (word == "--seconds") {
      options.seconds = std::max(0.05, std::atof(TRY(value()).c_str()));
    } else if (word.starts_with("-")) {
      return error(Code::Usage, "unknown flag {}", word);
    } else {
      options.prefix = word;
    }
  }
  return options;
}

Result<> run(int argc, char** argv) {
  const Options options = TRY(parse(argc, argv));
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 || mount("", "/", "none", MS_PRIVATE | MS_REC, nullptr) != 0 ||
      mount("run", "/run", "tmpfs", 0, nullptr) != 0) {
    return base::errno_error("make namespaces of its own (root is needed)", errno);
  }
  TRY_VOID(os::mount_bpffs("/run/bpf"));
  Report report(options.json);
  struct Suite {
    std::string_view name;
    Result<> (*run)(const Options&, Report&);
  };
  constexpr Suite kSuites[] = {{"same-host/", same_host}, {"rules/", rules},         {"attach/5000", attach_many},
                               {"attach", attach},        {"change/commit", commit}, {"change", change},
                               {"run", run_one},          {"memory", memory},        {"worst/", worst}};
  for (const Suite& suite : kSuites) {
    const bool wanted = options.prefix.empty() || std::string_view(options.prefix).starts_with(suite.name) ||
                        suite.name.starts_with(options.prefix);
    if (wanted) TRY_VOID(suite.run(options, report));
  }
  return {};
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  const auto done = weft::bench::run(argc, argv);
  if (done.ok()) return 0;
  std::fprintf(stderr, "weft-bench: %s\n", done.error().what.c_str());
  return 1;
}
