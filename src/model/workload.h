// A workload is what has a network namespace: a process that Weft runs, an
// `external` namespace for something that others run, or the machine itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "net/address.h"

namespace weft::model {

enum class WorkloadKind { Process, Machine, External };
enum class Restart { No, OnFailure, Always };
enum class Wanted { Running, Stopped };
enum class Keep { AfterExit, UntilExit };  // UntilExit: `weft run --rm`
enum class Terminal { None, Given };

struct Limits {
  uint64_t memory = 0;      // bytes; 0: none
  uint32_t milli_cpus = 0;  // 1000 is one processor; 0: none
  uint32_t pids = 0;        // 0: none
  bool operator==(const Limits&) const = default;
};

// A port of the machine that leads to the workload's first TNI.
struct Publication {
  std::optional<net::Address> address;  // of the machine; none: all of them
  uint16_t port = 0;
  uint16_t target_port = 0;
  uint8_t protocol = 6;  // TCP or UDP
  auto operator<=>(const Publication&) const = default;
};

struct Workload {
  WorkloadId id;
  std::string name;  // unique on the machine
  MachineId machine;
  WorkloadKind kind = WorkloadKind::Process;
  std::vector<std::string> command;
  std::vector<std::string> env;  // K=V
  std::string user;
  std::string workdir;
  Limits limits;
  Restart restart = Restart::No;
  Wanted wanted = Wanted::Running;
  Keep keep = Keep::AfterExit;
  Terminal terminal = Terminal::None;
  std::vector<Publication> publish;
  uint64_t generation = 1;  // grows with each start that the user asks for
  bool operator==(const Workload&) const = default;
};

template <class F>
void fields(F&& f, Limits& l) {
  f("memory", l.memory);
  f("milli_cpus", l.milli_cpus);
  f("pids", l.pids);
}
template <class F>
void fields(F&& f, Publication& p) {
  f("address", p.address);
  f("port", p.port);
  f("target_port", p.target_port);
  f("protocol", p.protocol);
}
template <class F>
void fields(F&& f, Workload& w) {
  f("id", w.id);
  f("name", w.name);
  f("machine", w.machine);
  f("kind", w.kind);
  f("command", w.command);
  f("env", w.env);
  f("user", w.user);
  f("workdir", w.workdir);
  f("limits", w.limits);
  f("restart", w.restart);
  f("wanted", w.wanted);
  f("keep", w.keep);
  f("terminal", w.terminal);
  f("publish", w.publish);
  f("generation", w.generation);
}

}  // namespace weft::model
