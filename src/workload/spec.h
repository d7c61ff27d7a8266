// Spec: all that a weft-shim needs to know to be the parent of one workload.
// weftd writes it to DIR/spec; the shim reads it once, when it starts.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "workload/command.h"

namespace weft::workload {

enum class RestartPolicy { No, OnFailure, Always };

struct Restart {
  RestartPolicy policy = RestartPolicy::No;
  // The first wait; each quick failure doubles it, up to the longest. A run of
  // at least `steady` starts again from the first.
  base::Duration first = std::chrono::milliseconds(100);
  base::Duration longest = std::chrono::seconds(30);
  base::Duration steady = std::chrono::seconds(10);
  bool operator==(const Restart&) const = default;
};

struct Stop {
  int signal = 15;  // SIGTERM
  base::Duration grace = std::chrono::seconds(10);
  bool operator==(const Stop&) const = default;
};

// What limits may be. The kernel gives no less of a processor, and has no more numbers of processes.
inline constexpr uint64_t kLeastCpuMillis = 10, kMostCpuMillis = 1'000'000;
inline constexpr uint64_t kMostPids = 4'194'304;

// Absent: no limit.
struct Limits {
  std::optional<uint64_t> memory_bytes;
  std::optional<uint64_t> cpu_millis;  // thousandths of a processor
  std::optional<uint64_t> pids;
  bool operator==(const Limits&) const = default;
};

struct LogLimits {
  uint64_t file_bytes = 10'000'000;
  uint64_t files = 3;  // the current one and those rotated away
  bool operator==(const LogLimits&) const = default;
};

struct Spec {
  std::string id;    // [a-z0-9-], names the control group
  std::string name;  // the user's
  Command command;
  std::string netns = {};                       // a path; empty: the machine's own
  std::optional<std::string> resolv_conf = {};  // text seen at /etc/resolv.conf, if given
  std::optional<std::string> hosts = {};        // text seen at /etc/hosts, if given
  std::string cgroup_root = "/sys/fs/cgroup";   // where the hierarchies are mounted
  std::string cgroup = "/weft";                 // the parent group of the workload's own, in each hierarchy
  Limits limits = {};
  Restart restart = {};
  Stop stop = {};
  LogLimits log = {};
  bool operator==(const Spec&) const = default;
};

Result<> validate(const Spec& spec);

std::string encode(const Spec& spec);
// A key that this version doesn't know is refused: it might be a limit.
Result<Spec> parse_spec(std::string_view text);

}  // namespace weft::workload
