// Backend: what the API needs of the daemon. The node implements it, tests fake
// it. Everything is called on the loop's thread, and calls back on it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/stream.h"
#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"
#include "model/state.h"
#include "os/fd.h"
#include "workload/shim_protocol.h"

namespace weft::api {

struct Identity {
  std::string instance;  // "weft" when it has no other name
  std::string version;
  std::string service;  // the daemon's systemd unit, "weftd.service"
  model::MachineId machine;
  base::WallTime started;
};

enum class RunState { Created, Running, Backoff, Stopping, Exited, Failed };

struct RunStatus {
  RunState state = RunState::Created;
  int pid = 0;
  std::optional<base::WallTime> started;
  std::optional<base::WallTime> ended;
  std::optional<int> exit_code;  // 128+n when signal n ended it
  int signal = 0;
  uint32_t restarts = 0;
  bool oom = false;
  std::string reason;
};

struct Counters {
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

struct TniCounters {
  Counters in;  // towards the workload
  Counters out;
  uint64_t drops = 0;
  uint64_t flows = 0;
};

enum class Verdict { Allow, Drop };

struct Internet {};
using TraceEnd = std::variant<model::TniId, net::Address, Internet>;

struct TraceQuery {
  model::VpcId vpc;  // empty: from outside to an address that may be the machine's
  TraceEnd source;
  TraceEnd target;
  uint8_t protocol = model::kTcp;
  uint16_t selector = 0;  // the target's port, or ICMP (type << 8 | code)
  enum class Live { No, Yes } live = Live::No;
};

struct TraceStep {
  std::string step;
  Verdict verdict = Verdict::Allow;
  std::string what;
  std::string rule;  // id of a group's or an ACL's; empty: none
};

struct Trace {
  Verdict verdict = Verdict::Allow;
  std::string reason;
  std::string rule;
  std::vector<TraceStep> steps;
  // What the data path's own program said. It judges what a TNI sends, and what a gateway
  // brings; what gateways do around it nobody was asked.
  std::optional<Verdict> live;
  std::string live_reason;
  enum class Match { Same, Other } live_match = Match::Same;  // with what the trace says of the data path
  std::string live_note;                                      // what there is to say about it
};

struct FlowQuery {
  bool follow = false;
  std::optional<base::WallTime> since;
};

struct FlowRecord {
  base::WallTime time;
  Verdict verdict = Verdict::Allow;
  std::string reason;
  std::string rule;
  model::TniId tni;
  model::Direction direction = model::Direction::In;
  uint8_t protocol = 0;
  net::Address source;
  net::Address target;
  uint16_t source_port = 0;
  uint16_t target_port = 0;
  Counters counters;
};

struct EventQuery {
  bool follow = false;
  std::optional<base::WallTime> since;
};

struct Event {
  base::WallTime time;
  std::string kind;  // "workload.exited", "drift.repaired"
  std::string id;
  std::string name;
  std::string what;
};

struct LogQuery {
  model::WorkloadId workload;
  bool follow = false;
  std::optional<uint64_t> tail;
};

struct LogLine {
  base::WallTime time;
  std::string stream;  // stdout or stderr
  std::string text;
};

// Who is told of a problem besides those who ask for the status: workloads start and
// stop in their own time, so how that goes answers no command.
enum class Told { WithAnswers, InStatus };

struct Problem {
  std::string id;  // of the object that it is about; empty: of the machine
  std::string what;
  base::WallTime since;
  Told told = Told::WithAnswers;
  bool operator==(const Problem&) const = default;
};

enum class Health { Good, Warning, Bad };

struct Check {
  std::string check;
  Health health = Health::Good;
  std::string what;
  std::string advice;
};

struct Exec {
  model::WorkloadId workload;
  std::vector<std::string> command;
  std::vector<std::string> env;
  std::string user;
  std::string workdir;
  model::Terminal terminal = model::Terminal::None;
  uint16_t rows = 0;
  uint16_t columns = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // The agreed state. A command that commit() took is in it at once, before it
  // is durable; it goes again if the commit fails.
  virtual const model::State& state() const = 0;
  virtual uint64_t revision() const = 0;
  // Answers the revision when the command is durable and enforced here, or why it
  // was refused. Answers come in order; a command without operations answers when
  // all before it are durable.
  virtual void commit(model::Command command, std::function<void(Result<uint64_t>)> done) = 0;
  // What the command would do; changes nothing.
  virtual Result<model::Changes> rehearse(const model::Command& command) = 0;
  // Why no command is taken now; empty: they are.
  virtual std::string read_only() const = 0;

  virtual base::WallTime now() const = 0;
  virtual base::Rng& rng() = 0;
  virtual const Identity& identity() const = 0;

  // What goes on here. Absent: the workload isn't on this machine. An error: that
  // isn't known now, so it may run.
  virtual Result<std::optional<RunStatus>> status(const model::WorkloadId& workload) const = 0;
  // How the workload ended, once it has and will not be started again by itself;
  // one item. If it is gone already (`--rm`), how it ended is remembered a while.
  virtual Result<std::unique_ptr<Stream<RunStatus>>> exit_of(const model::WorkloadId& workload) = 0;
  // Calls back once the workload is what the state wants: it has ended if it shall,
  // and was started if it shall run; or can't be, which is a problem of its own.
  // Dropped, the answer waits no more.
  virtual Result<std::shared_ptr<void>> await_wanted(const model::WorkloadId& workload, std::function<void()> done) = 0;
  // Announces that the workload of the command that follows starts attached: not
  // a byte of its output is lost to the attach() that comes next.
  virtual void start_attached(const model::WorkloadId& workload) = 0;
  // Paths on this machine: the network namespace of a workload, and the files
  // that a program in it should see as /etc/resolv.conf and /etc/hosts.
  virtual std::string netns_path(const model::WorkloadId& workload) const = 0;
  virtual std::string resolv_conf_path(const model::WorkloadId& workload) const = 0;
  // A stream connection that carries the shim's frames from here on: the request
  // (attach, exec) has been sent. `had`: how far its owner came, whose connection broke.
  virtual Result<os::Fd> attach(const model::WorkloadId& workload, const std::optional<workload::Progress>& had) = 0;
  virtual Result<os::Fd> exec(const Exec& exec) = 0;
  virtual Result<std::unique_ptr<Stream<LogLine>>> logs(const LogQuery& query) = 0;

  virtual Result<Trace> trace(const TraceQuery& query) = 0;
  virtual Result<std::unique_ptr<Stream<FlowRecord>>> flows(const FlowQuery& query) = 0;
  virtual Result<std::unique_ptr<Stream<Event>>> events(const EventQuery& query) = 0;
  virtual uint64_t flows_of(const model::RuleId& rule) const = 0;  // that it let in
  // Directions of flows that it decided.
  virtual uint64_t flows_of(const model::AclRuleId& rule) const = 0;
  virtual TniCounters counters(const model::TniId& tni) const = 0;
  virtual std::vector<Problem> problems() const = 0;
  virtual std::vector<Check> doctor() = 0;
  // What this machine holds because of the object, a line each.
  virtual std::vector<std::string> held_for(const model::AnyId& id) const = 0;
  virtual std::string metrics() const = 0;
};

}  // namespace weft::api
