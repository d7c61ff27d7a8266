#include "node/daemon.h"

#include <fcntl.h>
#include <grp.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <filesystem>

#include "api/backend.h"
#include "api/http_server.h"
#include "api/settle.h"
#include "datapath/datapath.h"
#include "diagnosis/doctor.h"
#include "diagnosis/event_log.h"
#include "diagnosis/explain.h"
#include "diagnosis/flow_log.h"
#include "diagnosis/metrics.h"
#include "diagnosis/status.h"
#include "diagnosis/trace.h"
#include "gateway/gateways.h"
#include "node/found.h"
#include "node/ledger.h"
#include "os/bpffs.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/netlink_monitor.h"
#include "os/netns.h"
#include "runtime/runtime.h"

namespace weft::node {

namespace {

using base::Code;
using boost::asio::steady_timer;

constexpr auto kFlowTick = std::chrono::milliseconds(20);  // the ring holds many times what comes in that time
// A round of looking begins so often at the most; one that is under way goes on in turns.
constexpr auto kHealRound = std::chrono::seconds(2);
constexpr auto kHealTurn = std::chrono::milliseconds(250);
// What the kernel tells of is looked at after so long: one change is many notices.
constexpr auto kNoticeDelay = std::chrono::milliseconds(50);
constexpr auto kGatewaysDelay = std::chrono::milliseconds(500);
constexpr auto kClockStep = std::chrono::milliseconds(100);  // less is the drift that NTP slews away
constexpr size_t kEventsAtOnce = 4096;
constexpr const char* kVersion = "0.1.0";

datapath::ClockPair clocks_now() { return {.wall = os::now_wall(), .boot = os::now_boot()}; }

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

std::optional<gid_t> admin_group() {
  const group* found = getgrnam("weft");
  return found == nullptr ? std::nullopt : std::optional(found->gr_gid);
}

gateway::Options gateway_options(const Options& options) {
  gateway::Options gateway = gateway::Options::of(options.instance);
  gateway.pins = options.pins() + "-gateway";
  gateway.run = options.run_directory;
  gateway.machine_device = options.names().machine_device();
  return gateway;
}

// The resolver that a workload finds in /etc/resolv.conf.
std::string resolv_conf_of(const model::State& state, const model::WorkloadId& id) {
  const auto& tnis = state.tnis_of(id);
  std::string text;
  for (const model::TniId& tni : tnis) {
    if (state.get(tni).device != 0) continue;
    const model::Subnet& subnet = state.get(state.get(tni).subnet);
    text += "nameserver " + model::resolver_of(subnet.cidr).text() + "\n";
  }
  return text.empty() ? "# no interface, no resolver\n" : text + "options timeout:2 attempts:3\n";
}

api::RunStatus run_status(const workload::Status& status) {
  const auto instant = [](base::WallTime time) {
    return time.ns == 0 ? std::optional<base::WallTime>() : std::optional(time);
  };
  return {.state = static_cast<api::RunState>(status.state),
          .pid = static_cast<int>(status.pid),
          .started = instant(status.started),
          .ended = instant(status.ended),
          .exit_code = status.exit ? std::optional(status.exit->code) : std::nullopt,
          .signal = status.exit ? status.exit->signal : 0,
          .restarts = static_cast<uint32_t>(status.restarts),
          .oom = status.out_of_memory == workload::OutOfMemory::Yes,
          .reason = status.reason};
}
static_assert(static_cast<int>(api::RunState::Failed) == static_cast<int>(workload::RunState::Failed));

class Node : public Daemon, public api::Backend {
 public:
  Node(boost::asio::io_context& loop, Options options)
      : loop_(loop),
        options_(std::move(options)),
        rng_(os::random_seed()),
        flow_timer_(loop),
        heal_timer_(loop),
        notice_timer_(loop),
        gateways_timer_(loop),
        notices_(loop),
        machine_notices_(loop) {}

  Result<> open();

  // api::Backend
  const model::State& state() const override { return ledger_->state(); }
  uint64_t revision() const override { return ledger_->revision(); }
  void commit(model::Command command, std::function<void(Result<uint64_t>)> done) override {
    auto accepted = ledger_->commit(std::move(command), done);
    if (!accepted.ok()) done(std::move(accepted).error());
  }
  Result<model::Changes> rehearse(const model::Command& command) override { return ledger_->rehearse(command); }
  std::string read_only() const override { return ledger_->read_only(); }
  base::WallTime now() const override { return os::now_wall(); }
  base::Rng& rng() override { return rng_; }
  const api::Identity& identity() const override { return identity_; }

  std::optional<api::RunStatus> status(const model::WorkloadId& id) const override;
  Result<std::unique_ptr<api::Stream<api::RunStatus>>> exit_of(const model::WorkloadId& id) override;
  void start_attached(const model::WorkloadId& id) override { runtime_->start_attached(id); }
  std::string netns_path(const model::WorkloadId& id) const override {
    return "/run/netns/" + options_.names().netns_of(id);
  }
  std::string resolv_conf_path(const model::WorkloadId& id) const override {
    return options_.run_directory + "/resolv/" + id.text;
  }
  Result<os::Fd> attach(const model::WorkloadId& id) override { return runtime_->attach(id); }
  Result<os::Fd> exec(const api::Exec& exec) override;
  Result<std::unique_ptr<api::Stream<api::LogLine>>> logs(const api::LogQuery& query) override {
    return runtime_->logs(query);
  }

  Result<api::Trace> trace(const api::TraceQuery& query) override;
  Result<std::unique_ptr<api::Stream<api::FlowRecord>>> flows(const api::FlowQuery& query) override;
  Result<std::unique_ptr<api::Stream<api::Event>>> events(const api::EventQuery& query) override {
    return events_->read(query);
  }
  api::Counters counters(const model::RuleId& rule) const override;
  api::TniCounters counters(const model::TniId& tni) const override;
  std::vector<api::Problem> problems() const override { return problems_.all(); }
  std::vector<api::Check> doctor() override;
  std::vector<std::string> held_for(const model::AnyId& id) const override {
    return diagnosis::held_for(state(), *datapath_, options_.names(), identity_.machine, id);
  }
  std::string metrics() const override;

 private:
  Result<> found();
  void carry_out(const model::Changes& changes);
  void tell(std::string kind, std::string id, std::string name, std::string what);
  void read_flows();
  void heal();
  void tell_repairs(const datapath::Datapath::Repairs& repairs);
  Result<> listen();
  void await_notices();
  void await_machine_notices();
  void look_soon();
  void look_at_gateways_soon();
  void gather_problems();
  bool concerns_gateways(const model::Changes& changes) const;
  void sync_gateways();
  void on_run(const model::WorkloadId& id, const workload::Status& before, const workload::Status& after);
  void remove_ended(const model::WorkloadId& id);
  runtime::Options runtime_options() const;
  diagnosis::DoctorOptions doctor_options() const {
    return {.state_directory = options_.state_directory, .pins = options_.pins()};
  }

  boost::asio::io_context& loop_;
  Options options_;
  base::Rng rng_;
  api::Identity identity_;
  std::optional<os::FileLock> lock_;
  std::unique_ptr<datapath::Datapath> datapath_;
  std::unique_ptr<datapath::Events> ring_;
  std::unique_ptr<gateway::Gateways> gateways_;
  std::map<model::VpcId, int> gateway_devices_;
  std::vector<gateway::Problem> gateway_problems_;
  std::unique_ptr<runtime::Runtime> runtime_;
  api::AddressCursors cursors_;
  std::unique_ptr<diagnosis::FlowLog> flow_log_;
  std::unique_ptr<diagnosis::EventLog> events_;
  diagnosis::Problems problems_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<api::Dispatch> dispatch_;
  std::unique_ptr<api::Server> server_;
  steady_timer flow_timer_, heal_timer_, notice_timer_, gateways_timer_;
  // The kernel's notices: around the instance's namespace, and in the machine's.
  boost::asio::posix::stream_descriptor notices_, machine_notices_;
  std::optional<os::Monitor> machine_monitor_;
  enum class Look { None, Soon } gateways_look_ = Look::None;
  enum class Waiting { No, Yes } machine_waiting_ = Waiting::No;
  datapath::ClockPair clocks_;
  uint64_t events_lost_ = 0;
};

// The order is that of a power cycle: first the agreed state, then what carries
// it out, at last the door, so that nobody is answered before it is true.
Result<> Node::open() {
  TRY_VOID(os::make_directories(options_.run_directory, 0755));
  lock_ = TRY(os::FileLock::acquire(options_.lock()).within("another weftd has this instance"));
  ledger_ = TRY(Ledger::open(
      {.directory = options_.state_directory},
      [this](std::function<void()> run) { boost::asio::post(loop_, std::move(run)); },
      [this](const model::Changes& changes) { carry_out(changes); }));
  auto event_file = TRY(diagnosis::open_rotated_file({.path = options_.state_directory + "/events.log"}));
  events_ = std::make_unique<diagnosis::EventLog>(diagnosis::kMostEvents, std::move(event_file));
  events_->restore(TRY(diagnosis::read_rotated_file({.path = options_.state_directory + "/events.log"}, 1 << 20)));
  flow_log_ = std::make_unique<diagnosis::FlowLog>();

  const bool fresh = state().all<model::Machine>().empty();
  if (fresh) TRY_VOID(found());
  identity_ = {.instance = options_.names().base(),
               .version = kVersion,
               .service = options_.instance.empty() ? "weftd.service" : "weftd@" + options_.instance + ".service",
               .machine = state().all<model::Machine>().begin()->first,
               .started = os::now_wall()};

  TRY_VOID(os::make_directories(options_.run_directory + "/bpf", 0700));
  TRY_VOID(os::mount_bpffs(options_.run_directory + "/bpf"));
  clocks_ = clocks_now();
  datapath_ =
      TRY(datapath::Datapath::open({.names = options_.names(), .pins = options_.pins(), .self = identity_.machine}));
  ring_ = TRY(datapath::Events::open(datapath_->bpf()));
  os::Fd own_netns = TRY(os::open_netns(options_.names().own_netns()));
  gateways_ = TRY(gateway::Gateways::open(gateway_options(options_), std::move(own_netns)));
  runtime_ = TRY(runtime::Runtime::open(loop_, runtime_options()));
  runtime_->on_change([this](const auto& id, const auto& before, const auto& after) { on_run(id, before, after); });
  model::Changes all;
  for (model::Object& object : ledger_->state().objects()) all.push_back({.before = {}, .after = std::move(object)});
  carry_out(all);
  dispatch_ = api::make_dispatch(*this);
  server_ = TRY(api::Server::listen(loop_, *dispatch_, {.path = options_.socket, .roles = {.admins = admin_group()}}));
  gather_problems();
  read_flows();
  TRY_VOID(listen());
  heal();
  tell("daemon.started", identity_.machine.text, host_name(),
       fmt::format("revision {}, {} TNIs", revision(), state().all<model::Tni>().size()));
  return {};
}

Result<> Node::found() {
  Result<> outcome;
  auto accepted =
      ledger_->commit(found_cluster(name_from_host(host_name()), os::now_wall(), rng_), [&](Result<uint64_t> revision) {
        if (!revision.ok()) outcome = revision.error();
      });
  TRY_VOID(accepted);
  // Nothing else is under way yet: the loop runs until the disk has answered.
  while (ledger_->revision() == 0 && outcome.ok()) loop_.run_one();
  return outcome;
}

void Node::carry_out(const model::Changes& changes) {
  if (datapath_ == nullptr) return;  // founding: all of it comes with the first round
  for (const model::Change& change : changes) {
    const auto* workload = change.after ? std::get_if<model::Workload>(&*change.after) : nullptr;
    const auto* gone = !change.after ? std::get_if<model::Workload>(&*change.before) : nullptr;
    if (gone != nullptr) (void)os::remove_file(resolv_conf_path(gone->id));
    if (workload == nullptr || workload->kind == model::WorkloadKind::Machine) continue;
    (void)os::make_directories(options_.run_directory + "/resolv", 0755);
    (void)os::write_file_atomic(resolv_conf_path(workload->id), resolv_conf_of(state(), workload->id), 0644,
                                os::Durability::Cached);
  }
  datapath_->update(state(), changes, clocks_now());
  if (concerns_gateways(changes)) sync_gateways();
  runtime_->update(state(), changes);
  gather_problems();
}

// Reading the machine takes a few milliseconds: only for what can matter. The
// rest is the heal timer's.
bool Node::concerns_gateways(const model::Changes& changes) const {
  for (const model::Change& change : changes) {
    for (const auto* object : {&change.before, &change.after}) {
      if (!*object) continue;
      if (std::holds_alternative<model::Vpc>(**object) || std::holds_alternative<model::Subnet>(**object)) return true;
      const auto* workload = std::get_if<model::Workload>(&**object);
      if (workload != nullptr && !workload->publish.empty()) return true;
      const auto* tni = std::get_if<model::Tni>(&**object);
      if (tni != nullptr && object == &change.after && !gateway_devices_.contains(tni->vpc)) return true;
    }
  }
  return false;
}

void Node::sync_gateways() {
  auto outcome = gateways_->reconcile(state(), identity_.machine);
  if (!outcome.ok()) {
    gateway_problems_ = {{identity_.machine.text, outcome.error().what}};
    return;
  }
  gateway_problems_ = std::move(outcome->problems);
  for (const std::string& step : outcome->done) spdlog::debug("gateway: {}", step);
  for (const std::string& what : outcome->repaired) tell("drift.repaired", identity_.machine.text, "", what);
  for (const auto& [vpc, device] : std::map(datapath_->gateways())) {
    if (!outcome->devices.contains(vpc) && state().find(vpc) != nullptr) (void)datapath_->set_gateway(vpc, 0);
  }
  for (const auto& [vpc, device] : outcome->devices) {
    const auto had = gateway_devices_.find(vpc);
    if (had != gateway_devices_.end() && had->second == device) continue;
    const auto set = datapath_->set_gateway(vpc, device);
    if (!set.ok()) gateway_problems_.push_back({vpc.text, set.error().what});
  }
  gateway_devices_ = std::move(outcome->devices);
}

// Its state changed: tell, and take away what was to go with its end.
void Node::on_run(const model::WorkloadId& id, const workload::Status& before, const workload::Status& after) {
  const model::Workload* workload = state().find(id);
  if (before.state != after.state && workload != nullptr) {
    const std::string how = after.exit ? fmt::format("exit code {}", after.exit->code) : std::string();
    tell("workload." + std::string(workload::name_of(after.state)), id.text, workload->name,
         after.reason.empty() ? how : after.reason);
  }
  const bool over = after.state == workload::RunState::Exited || after.state == workload::RunState::Failed;
  if (over && workload != nullptr && workload->keep == model::Keep::UntilExit) {
    // Not from within the runtime's own call.
    boost::asio::post(loop_, [this, id] { remove_ended(id); });
  }
  gather_problems();
}

void Node::remove_ended(const model::WorkloadId& id) {
  if (state().find(id) == nullptr) return;
  api::Draft draft({.state = state(), .machine = identity_.machine, .now = now(), .rng = rng_, .cursors = cursors_});
  api::remove_workload(draft, id);
  commit(draft.command("weftd"), [this, id](Result<uint64_t> revision) {
    if (!revision.ok()) tell("workload.kept", id.text, "", revision.error().what);
  });
}

runtime::Options Node::runtime_options() const {
  return {.shim = options_.shim,
          .run_directory = options_.run_directory,
          .state_directory = options_.state_directory + "/w",
          .self = identity_.machine,
          .cgroup = "/" + options_.names().base(),
          .netns_path = [this](const model::WorkloadId& id) { return netns_path(id); },
          .resolv_conf =
              [](const model::State& agreed, const model::Workload& workload) {
                return std::optional(resolv_conf_of(agreed, workload.id));
              }};
}

void Node::tell(std::string kind, std::string id, std::string name, std::string what) {
  spdlog::info("{} {} {}: {}", kind, id, name, what);
  events_->add({.time = os::now_wall(),
                .kind = std::move(kind),
                .id = std::move(id),
                .name = std::move(name),
                .what = std::move(what)});
}

void Node::read_flows() {
  std::vector<abi::event> events;
  ring_->drain(kEventsAtOnce, [&](const abi::event& event) { events.push_back(event); });
  if (!events.empty()) flow_log_->add(state(), clocks_now(), events);
  flow_timer_.expires_after(kFlowTick);
  flow_timer_.async_wait([this](const auto& fault) {
    if (!fault) read_flows();
  });
}

void Node::heal() {
  const datapath::ClockPair clocks = clocks_now();
  const auto step = (clocks.wall - clocks_.wall) - (clocks.boot - clocks_.boot);
  if (step > kClockStep || step < -kClockStep) {
    const auto reset = datapath_->reset_deadlines(clocks);
    tell("clock.set", identity_.machine.text, "", reset.ok() ? "deadlines are derived anew" : reset.error().what);
  }
  clocks_ = clocks;
  const std::string bpffs = options_.run_directory + "/bpf";
  if (const auto mounted = os::mount_bpffs(bpffs); !mounted.ok()) spdlog::warn("{}", mounted.error().what);
  const bool begins = datapath_->round_is_over();
  tell_repairs(datapath_->heal(state(), clocks));
  if (const auto common = datapath_->bpf().common.get(0); common.ok() && common->events_lost > events_lost_) {
    flow_log_->add_lost(clocks.wall, common->events_lost - events_lost_);
    events_lost_ = common->events_lost;
  }
  if (begins) sync_gateways();
  ledger_->retry();
  runtime_->heal();
  gather_problems();
  if (datapath_->round_is_over()) {
    heal_timer_.expires_after(kHealRound);
  } else {
    heal_timer_.expires_after(kHealTurn);
  }
  heal_timer_.async_wait([this](const auto& fault) {
    if (!fault) heal();
  });
}

void Node::tell_repairs(const datapath::Datapath::Repairs& repairs) {
  for (const auto& [object, what] : repairs) {
    const model::Tni* tni = state().find(model::TniId{object});
    const model::Workload* workload = state().find(model::WorkloadId{object});
    std::string name = tni != nullptr ? tni->name : workload != nullptr ? workload->name : std::string();
    tell("drift.repaired", object.empty() ? identity_.machine.text : object, std::move(name), what);
  }
}

// Notices only make the next look come sooner: what was missed is found by the
// heal timer.
Result<> Node::listen() {
  machine_monitor_ = TRY(os::Monitor::open());
  // The descriptors stay the monitors' own.
  notices_.assign(fcntl(datapath_->notices_fd(), F_DUPFD_CLOEXEC, 3));
  machine_notices_.assign(fcntl(machine_monitor_->fd(), F_DUPFD_CLOEXEC, 3));
  await_notices();
  await_machine_notices();
  return {};
}

void Node::await_notices() {
  notices_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const auto& fault) {
    if (!fault) look_soon();
  });
}

void Node::await_machine_notices() {
  if (std::exchange(machine_waiting_, Waiting::Yes) == Waiting::Yes) return;
  machine_notices_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const auto& fault) {
    machine_waiting_ = Waiting::No;
    if (!fault) look_at_gateways_soon();
  });
}

void Node::look_soon() {
  const auto next = datapath_->next_look();
  // What is put off waits, but not those who are told of meanwhile.
  const bool put_off = next && *next > os::now_boot();
  notice_timer_.expires_after(put_off ? steady_timer::duration(kHealTurn) : steady_timer::duration(kNoticeDelay));
  notice_timer_.async_wait([this](const auto& fault) {
    if (fault) return;
    const auto repairs = datapath_->look_again(state(), clocks_now());
    tell_repairs(repairs);
    if (!repairs.empty()) gather_problems();
    if (datapath_->take_gateway_notices()) look_at_gateways_soon();
    if (datapath_->next_look()) return look_soon();
    await_notices();
  });
}

void Node::look_at_gateways_soon() {
  if (std::exchange(gateways_look_, Look::Soon) == Look::Soon) return;
  gateways_timer_.expires_after(kGatewaysDelay);
  gateways_timer_.async_wait([this](const auto& fault) {
    if (fault) return;
    gateways_look_ = Look::None;
    sync_gateways();
    gather_problems();
    // What came meanwhile, our own changes too, was looked at just now.
    if (machine_monitor_->drain().ok()) await_machine_notices();
  });
}

void Node::gather_problems() {
  std::vector<diagnosis::Complaint> complaints = diagnosis::target_complaints(datapath_->problems());
  const auto add = [&](std::vector<diagnosis::Complaint> more) {
    complaints.insert(complaints.end(), more.begin(), more.end());
  };
  add(diagnosis::workload_complaints(state(), identity_.machine, [this](const auto& id) { return status(id); }));
  for (const gateway::Problem& problem : gateway_problems_) complaints.push_back({problem.object, problem.what});
  for (const auto& [id, why] : runtime_->problems()) complaints.push_back({id, why});
  add(diagnosis::machine_complaint("the agreed state is read-only", ledger_->read_only()));
  problems_.update(os::now_wall(), complaints);
}

std::optional<api::RunStatus> Node::status(const model::WorkloadId& id) const {
  const auto status = runtime_->status(id);
  if (!status) return std::nullopt;
  return run_status(*status);
}

// How one workload ended: one item, once.
class ExitStream : public api::Stream<api::RunStatus> {
 public:
  static Result<std::unique_ptr<api::Stream<api::RunStatus>>> open(runtime::Runtime& runtime,
                                                                   const model::WorkloadId& id) {
    auto stream = std::make_unique<ExitStream>();
    stream->waiter_ =
        TRY(runtime.wait(id, [self = stream.get()](const workload::Status& status) { self->set(status); }));
    return std::unique_ptr<api::Stream<api::RunStatus>>(std::move(stream));
  }
  Result<std::vector<api::RunStatus>> take(size_t) override {
    std::vector<api::RunStatus> taken;
    if (exit_ && state_ == State::Waiting) taken.push_back(*exit_);
    if (exit_) state_ = State::Taken;
    return taken;
  }
  bool ended() const override { return state_ == State::Taken; }
  void when_ready(std::function<void()> ready) override {
    if (exit_) return ready();
    ready_ = std::move(ready);
  }

 private:
  void set(const workload::Status& status) {
    exit_ = run_status(status);
    if (ready_) std::exchange(ready_, nullptr)();
  }
  enum class State { Waiting, Taken } state_ = State::Waiting;
  std::optional<api::RunStatus> exit_;
  std::function<void()> ready_;
  std::shared_ptr<runtime::Waiter> waiter_;
};

Result<std::unique_ptr<api::Stream<api::RunStatus>>> Node::exit_of(const model::WorkloadId& id) {
  return ExitStream::open(*runtime_, id);
}

Result<os::Fd> Node::exec(const api::Exec& exec) {
  workload::Command command{.argv = exec.command,
                            .env = exec.env,
                            .user = exec.user,
                            .workdir = exec.workdir,
                            .input = workload::Stdin::Pipe};
  if (exec.terminal == model::Terminal::Given) {
    command.terminal = workload::WindowSize{.rows = exec.rows ? exec.rows : uint16_t{24},
                                            .columns = exec.columns ? exec.columns : uint16_t{80}};
  }
  return runtime_->exec(exec.workload, command);
}

Result<api::Trace> Node::trace(const api::TraceQuery& query) {
  api::Trace trace = diagnosis::trace(state(), now(), query);
  if (query.live == api::TraceQuery::Live::Yes) {
    TRY_VOID(diagnosis::trace_live(state(), *datapath_, os::now_boot(), query, trace));
  }
  return trace;
}

Result<std::unique_ptr<api::Stream<api::FlowRecord>>> Node::flows(const api::FlowQuery& query) {
  auto open = TRY(diagnosis::open_flows(state(), datapath_->bpf(), clocks_now()));
  return flow_log_->read(query, std::move(open));
}

api::Counters Node::counters(const model::RuleId& rule) const {
  const auto hits = datapath_->hits_of(rule);
  return {.packets = hits.ok() ? *hits : 0};
}

api::TniCounters Node::counters(const model::TniId& tni) const {
  const auto row = datapath_->counters_of(tni);
  if (!row.ok()) return {};
  const auto slot = datapath_->slot_of(tni);
  const auto flows = slot ? datapath_->bpf().flow_counts.get(*slot) : Result<uint32_t>(0u);
  return {.in = {row->received_packets, row->received_bytes},
          .out = {row->sent_packets, row->sent_bytes},
          .drops = row->drops,
          .flows = flows.ok() ? *flows : 0};
}

std::vector<api::Check> Node::doctor() {
  return diagnosis::diagnose(doctor_options(), diagnosis::examine(doctor_options()));
}

std::string Node::metrics() const {
  diagnosis::Measured measured = diagnosis::measure_state(state(), [this](const auto& id) { return status(id); });
  measured.version = kVersion;
  measured.revision = revision();
  measured.store = read_only().empty() ? diagnosis::Measured::Store::Writable : diagnosis::Measured::Store::ReadOnly;
  measured.problems = problems_.all().size();
  (void)diagnosis::measure_datapath(state(), *datapath_, measured);
  return diagnosis::to_prometheus(measured);
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::open(boost::asio::io_context& loop, const Options& options) {
  auto node = std::make_unique<Node>(loop, options);
  TRY_VOID(node->open());
  return std::unique_ptr<Daemon>(std::move(node));
}

Result<> remove_instance(const Options& options) {
  TRY_VOID(os::make_directories(options.run_directory, 0755));
  const auto lock = TRY(os::FileLock::acquire(options.lock()).within("weftd still runs"));
  TRY_VOID(runtime::Runtime::remove_all({.run_directory = options.run_directory,
                                         .state_directory = options.state_directory + "/w",
                                         .cgroup = "/" + options.names().base()}));
  TRY_VOID(gateway::Gateways::remove_all(gateway_options(options)));
  TRY_VOID(datapath::Datapath::remove_all({.names = options.names(), .pins = options.pins()}));
  TRY_VOID(os::unmount_bpffs(options.run_directory + "/bpf"));
  const std::filesystem::path run(options.run_directory);
  return os::remove_tree(run.parent_path().string(), run.filename().string());
}

}  // namespace weft::node
