#include "node/data_plane.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>

#include "diagnosis/explain.h"
#include "diagnosis/metrics.h"
#include "diagnosis/trace.h"
#include "node/identity.h"
#include "os/bpffs.h"
#include "os/clock.h"
#include "os/netns.h"

namespace weft::node {

namespace {

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

datapath::ClockPair clocks_now() { return {.wall = os::now_wall(), .boot = os::now_boot()}; }

// What the gateways hold, in the words of a trace; of VPCs that are still there.
diagnosis::Surroundings surroundings_of(const model::State& state, const std::optional<gateway::Desired>& desired) {
  diagnosis::Surroundings around;
  if (!desired) return around;
  around.machine = desired->machine();
  for (const auto& [vpc, gateway] : desired->gateways) {
    if (state.find(vpc) == nullptr) continue;
    const gateway::Ruleset& rules = gateway.rules;
    auto& seen = around.gateways[vpc];
    if (rules.ports) seen.shared = rules.shared;
    seen.routed = rules.routed;
    for (const auto& resolver : rules.resolvers) {
      if (rules.ports) seen.resolves.insert(resolver.answers.family());
    }
    for (const gateway::Published& door : rules.published) {
      around.doors.push_back({.vpc = vpc,
                              .family = door.family,
                              .address = door.address,
                              .port = door.port,
                              .protocol = door.protocol,
                              .target = door.target,
                              .target_port = door.target_port});
    }
  }
  return around;
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

}  // namespace

DataPlane::DataPlane(boost::asio::io_context& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      rng_(os::random_seed()),
      flow_timer_(loop),
      heal_timer_(loop),
      notice_timer_(loop),
      gateways_timer_(loop),
      notices_(loop),
      machine_notices_(loop) {}

Result<> DataPlane::prepare() {
  TRY_VOID(os::make_directories(options_.run_directory, 0755));
  TRY_VOID(os::make_directories(options_.state_directory, 0700));
  lock_ = TRY(os::FileLock::acquire(options_.lock()).within("another weftd has this instance"));
  auto event_file = TRY(diagnosis::open_rotated_file({.path = options_.state_directory + "/events.log"}));
  events_ = std::make_unique<diagnosis::EventLog>(diagnosis::kMostEvents, std::move(event_file));
  events_->restore(TRY(diagnosis::read_rotated_file({.path = options_.state_directory + "/events.log"}, 1 << 20)));
  flow_log_ = std::make_unique<diagnosis::FlowLog>();
  return {};
}

Result<> DataPlane::take_over(const model::MachineId& machine) {
  identity_ = identity_of(options_, machine);
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
  carry_out(state().everything());
  read_flows();
  TRY_VOID(listen());
  heal();
  tell("daemon.started", identity_.machine.text, host_name(),
       fmt::format("revision {}, {} TNIs", revision(), state().all<model::Tni>().size()));
  return {};
}

void DataPlane::carry_out(const model::Changes& changes) {
  if (!has_taken_over()) return;  // all of it comes then
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
bool DataPlane::concerns_gateways(const model::Changes& changes) const {
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

void DataPlane::sync_gateways() {
  auto outcome = gateways_->reconcile(state(), identity_.machine);
  if (!outcome.ok()) {
    gateway_problems_ = {{identity_.machine.text, outcome.error().what}};
    return;
  }
  gateway_problems_ = std::move(outcome->problems);
  for (const std::string& step : outcome->done) spdlog::debug("gateway: {}", step);
  for (const std::string& what : outcome->repaired) tell("drift.repaired", identity_.machine.text, "", what);
  const auto known = datapath_->know_machine(gateways_->desired()->machine());
  if (!known.ok()) gateway_problems_.push_back({identity_.machine.text, known.error().what});
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
void DataPlane::on_run(const model::WorkloadId& id, const workload::Status& before, const workload::Status& after) {
  const model::Workload* workload = state().find(id);
  if (before.state != after.state && workload != nullptr) {
    const std::string how = after.exit ? fmt::format("exit code {}", after.exit->code) : std::string();
    tell("workload." + std::string(workload::name_of(after.state)), id.text, workload->name,
         after.reason.empty() ? how : after.reason);
  }
  on_status(id);
  if (is_over(run_status(after)) && workload != nullptr && workload->keep == model::Keep::UntilExit) {
    // Not from within the runtime's own call.
    boost::asio::post(loop_, [this, id] { on_ended(id); });
  }
  gather_problems();
}

runtime::Options DataPlane::runtime_options() const {
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

void DataPlane::tell(std::string kind, std::string id, std::string name, std::string what) {
  spdlog::info("{} {} {}: {}", kind, id, name, what);
  events_->add({.time = os::now_wall(),
                .kind = std::move(kind),
                .id = std::move(id),
                .name = std::move(name),
                .what = std::move(what)});
}

void DataPlane::read_flows() {
  std::vector<abi::event> events;
  ring_->drain(kEventsAtOnce, [&](const abi::event& event) { events.push_back(event); });
  if (!events.empty()) flow_log_->add(state(), clocks_now(), events);
  flow_timer_.expires_after(kFlowTick);
  flow_timer_.async_wait([this](const auto& fault) {
    if (!fault) read_flows();
  });
}

void DataPlane::heal() {
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
  look_around();
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

void DataPlane::tell_repairs(const datapath::Datapath::Repairs& repairs) {
  for (const auto& [object, what] : repairs) {
    const model::Tni* tni = state().find(model::TniId{object});
    const model::Workload* workload = state().find(model::WorkloadId{object});
    std::string name = tni != nullptr ? tni->name : workload != nullptr ? workload->name : std::string();
    tell("drift.repaired", object.empty() ? identity_.machine.text : object, std::move(name), what);
  }
}

// Notices only make the next look come sooner: what was missed is found by the
// heal timer.
Result<> DataPlane::listen() {
  machine_monitor_ = TRY(os::Monitor::open());
  // The descriptors stay the monitors' own.
  notices_.assign(fcntl(datapath_->notices_fd(), F_DUPFD_CLOEXEC, 3));
  machine_notices_.assign(fcntl(machine_monitor_->fd(), F_DUPFD_CLOEXEC, 3));
  await_notices();
  await_machine_notices();
  return {};
}

void DataPlane::await_notices() {
  notices_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const auto& fault) {
    if (!fault) look_soon();
  });
}

void DataPlane::await_machine_notices() {
  if (std::exchange(machine_waiting_, Waiting::Yes) == Waiting::Yes) return;
  machine_notices_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const auto& fault) {
    machine_waiting_ = Waiting::No;
    if (!fault) look_at_gateways_soon();
  });
}

void DataPlane::look_soon() {
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

void DataPlane::look_at_gateways_soon() {
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

void DataPlane::gather_problems() {
  std::vector<diagnosis::Complaint> complaints = diagnosis::target_complaints(datapath_->problems());
  const auto add = [&](std::vector<diagnosis::Complaint> more) {
    complaints.insert(complaints.end(), more.begin(), more.end());
  };
  add(diagnosis::workload_complaints(state(), identity_.machine, [this](const auto& id) { return run_of(id); }));
  for (const gateway::Problem& problem : gateway_problems_) complaints.push_back({problem.object, problem.what});
  for (const auto& [id, why] : runtime_->problems()) complaints.push_back({id, why, api::Told::InStatus});
  add(diagnosis::machine_complaint("the agreed state is read-only", read_only()));
  problems_.update(os::now_wall(), complaints);
}

base::WallTime DataPlane::now() const { return os::now_wall(); }

bool is_over(const api::RunStatus& status) {
  return status.state == api::RunState::Exited || status.state == api::RunState::Failed;
}

std::optional<api::RunStatus> DataPlane::run_of(const model::WorkloadId& id) const {
  const auto status = runtime_->status(id);
  if (!status) return std::nullopt;
  return run_status(*status);
}

// How one workload ended: one item, once.
class ExitStream : public api::Stream<api::RunStatus> {
 public:
  static Result<std::unique_ptr<api::Stream<api::RunStatus>>> open(runtime::Runtime& runtime,
                                                                   const model::WorkloadId& id,
                                                                   std::function<void()> first) {
    auto stream = std::make_unique<ExitStream>();
    stream->waiter_ =
        TRY(runtime.wait(id, [self = stream.get(), first = std::move(first)](const workload::Status& status) {
          first();
          self->set(status);
        }));
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

Result<std::unique_ptr<api::Stream<api::RunStatus>>> DataPlane::exit_of(const model::WorkloadId& id) {
  return ExitStream::open(*runtime_, id, [this, id] { on_status(id); });
}

Result<os::Fd> DataPlane::exec(const api::Exec& exec) {
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

Result<api::Trace> DataPlane::trace(const api::TraceQuery& query) {
  const diagnosis::Surroundings around = surroundings_of(state(), gateways_->desired());
  return query.live == api::TraceQuery::Live::Yes ? diagnosis::trace_live(state(), *datapath_, now(), around, query)
                                                  : diagnosis::trace(state(), now(), around, query);
}

Result<std::unique_ptr<api::Stream<api::FlowRecord>>> DataPlane::flows(const api::FlowQuery& query) {
  auto open = TRY(diagnosis::open_flows(state(), datapath_->bpf(), clocks_now()));
  return flow_log_->read(query, std::move(open));
}

std::vector<std::string> DataPlane::held_for(const model::AnyId& id) const {
  return diagnosis::held_for(state(), *datapath_, options_.names(), identity_.machine, id);
}

uint64_t DataPlane::flows_of(const model::RuleId& rule) const { return datapath_->hits_of(rule).value_or(0); }
uint64_t DataPlane::flows_of(const model::AclRuleId& rule) const { return datapath_->hits_of(rule).value_or(0); }

api::TniCounters DataPlane::counters(const model::TniId& tni) const {
  const auto row = datapath_->counters_of(tni);
  if (!row.ok()) return {};
  const auto slot = datapath_->slot_of(tni);
  const auto flows = slot ? datapath_->bpf().flow_counts.get(*slot) : Result<uint32_t>(0u);
  return {.in = {row->received_packets, row->received_bytes},
          .out = {row->sent_packets, row->sent_bytes},
          .drops = row->drops,
          .flows = flows.ok() ? *flows : 0};
}

std::vector<api::Check> DataPlane::doctor() {
  return diagnosis::diagnose(doctor_options(), diagnosis::examine(doctor_options()));
}

std::string DataPlane::metrics() const {
  diagnosis::Measured measured = diagnosis::measure_state(state(), [this](const auto& id) { return run_of(id); });
  measured.version = identity_.version;
  measured.revision = revision();
  measured.store = read_only().empty() ? diagnosis::Measured::Store::Writable : diagnosis::Measured::Store::ReadOnly;
  measured.problems = problems_.all().size();
  (void)diagnosis::measure_datapath(state(), *datapath_, measured);
  if (auto drops = gateways_->drops(); drops.ok()) measured.border_drops = std::move(*drops);
  return diagnosis::to_prometheus(measured);
}

Result<> remove_data_plane(const Options& options) {
  TRY_VOID(os::make_directories(options.run_directory, 0755));
  const auto lock = TRY(os::FileLock::acquire(options.lock()).within("weftd still runs"));
  TRY_VOID(runtime::Runtime::remove_all({.run_directory = options.run_directory,
                                         .state_directory = options.state_directory + "/w",
                                         .cgroup = "/" + options.names().base()}));
  TRY_VOID(gateway::Gateways::remove_all(gateway_options(options)));
  TRY_VOID(datapath::Datapath::remove_all({.names = options.names(), .pins = options.pins()}));
  TRY_VOID(os::unmount_bpffs(options.run_directory + "/bpf"));
  for (const char* name : {"bpf", "w", "resolv"}) TRY_VOID(os::remove_tree(options.run_directory, name));
  TRY_VOID(os::remove_file(options.data_socket()));
  return os::remove_file(options.lock());
}

}  // namespace weft::node
