// For tests: a backend with a real state and nothing behind it.
#pragma once

#include <gtest/gtest.h>

#include <deque>

#include "api/allocate.h"
#include "api/dispatch.h"
#include "api/settle.h"
#include "schema/command.h"

namespace weft::api {

// Hands out what the test gives it; it must outlive its streams.
template <class T>
struct Source {
  std::deque<T> items;
  bool over = false;
  std::function<void()> ready;
  int open = 0;

  void wake() {
    if (ready) std::exchange(ready, nullptr)();
  }
};

template <class T>
class SourceStream : public Stream<T> {
 public:
  explicit SourceStream(Source<T>& source) : source_(source) { ++source_.open; }
  ~SourceStream() override {
    --source_.open;
    source_.ready = nullptr;
  }
  Result<std::vector<T>> take(size_t most) override {
    std::vector<T> out;
    while (!source_.items.empty() && out.size() < most) {
      out.push_back(source_.items.front());
      source_.items.pop_front();
    }
    return out;
  }
  bool ended() const override { return source_.over; }
  void when_ready(std::function<void()> ready) override { source_.ready = std::move(ready); }

 private:
  Source<T>& source_;
};

// A machine called alpha with the default VPC, of which it is the first TNI.
inline Result<model::Command> founding_command(const model::MachineId& machine, base::WallTime now, base::Rng& rng) {
  const model::State nothing;
  AddressCursors cursors;
  Draft draft({.state = nothing, .machine = machine, .now = now, .rng = rng, .cursors = cursors});
  draft.put(model::Machine{.id = machine, .name = "alpha"});
  v1::VpcSpec vpc;
  vpc.add_cidrs("10.210.0.0/16");
  vpc.set_internet(v1::INTERNET_ATTACHED);
  TRY(settle_vpc(draft, "default", vpc, IfThere::Same));
  v1::SubnetSpec subnet;
  subnet.set_cidr("10.210.0.0/16");
  const auto subnet_id = TRY(settle_subnet(draft, "default", subnet, IfThere::Same));
  const net::Prefix block = TRY(net::Prefix::parse("10.210.1.0/24"));
  draft.put(model::Block{.id = draft.make_id<model::Block>(), .subnet = subnet_id, .machine = machine, .range = block});
  model::Workload self;
  self.id = draft.make_id<model::Workload>();
  self.name = "alpha";
  self.machine = machine;
  self.kind = model::WorkloadKind::Machine;
  draft.put(self);
  v1::TniSpec tni;
  tni.set_ip("10.210.1.1");
  const auto tni_id = TRY(settle_tni(draft, "alpha", tni, IfThere::Same));
  attach(draft, draft.get(tni_id), self, 0);
  return draft.command("founding");
}

class FakeBackend : public Backend {
 public:
  // Another seed, another machine.
  explicit FakeBackend(uint64_t seed = 1) : rng_(seed) {
    identity_ = {.instance = "weft",
                 .version = "0.1.0",
                 .service = "weftd.service",
                 .machine = model::MachineId::make(rng_),
                 .started = now_};
    const auto founding = founding_command(identity_.machine, now_, rng_);
    EXPECT_TRUE(founding.ok());
    EXPECT_TRUE(state_.apply(*founding).ok());
  }

  const model::State& state() const override { return state_; }
  uint64_t revision() const override { return revision_; }
  // What is committed goes through the log's bytes, as in the daemon.
  void commit(model::Command command, std::function<void(Result<uint64_t>)> done) override {
    auto stored = schema::parse_command(schema::encode(command));
    ASSERT_TRUE(stored.ok()) << stored.error().field << ": " << stored.error().what;
    auto changes = state_.apply(*stored);
    if (!changes.ok()) return done(changes.error());
    last_changes = *changes;
    if (!changes->empty()) ++revision_;
    if (hold_commits) {
      held.push_back([done = std::move(done), revision = revision_] { done(revision); });
    } else {
      done(revision_);
    }
  }
  Result<model::Changes> rehearse(const model::Command& command) override {
    auto changes = state_.apply(command);
    if (changes.ok()) state_.undo(*changes);
    return changes;
  }
  std::string read_only() const override { return why_read_only; }

  base::WallTime now() const override { return now_; }
  base::Rng& rng() override { return rng_; }
  const Identity& identity() const override { return identity_; }

  Result<std::optional<RunStatus>> status(const model::WorkloadId& workload) const override {
    if (!why_unknown.empty()) return error(base::Code::Unavailable, "{}", why_unknown);
    const auto found = statuses.find(workload);
    return found == statuses.end() ? std::nullopt : std::optional(found->second);
  }
  Result<std::unique_ptr<Stream<RunStatus>>> exit_of(const model::WorkloadId&) override {
    return std::unique_ptr<Stream<RunStatus>>(std::make_unique<SourceStream<RunStatus>>(exits));
  }
  Result<std::shared_ptr<void>> await_wanted(const model::WorkloadId& workload, std::function<void()> done) override {
    if (!why_unknown.empty()) return error(base::Code::Unavailable, "{}", why_unknown);
    awaited = workload;
    const auto waiter = std::make_shared<std::function<void()>>(std::move(done));
    when_wanted = waiter;
    return std::shared_ptr<void>(waiter);
  }
  void start_attached(const model::WorkloadId& workload) override { attached = workload; }
  std::string netns_path(const model::WorkloadId& workload) const override {
    return "/run/weft/netns/" + workload.text;
  }
  std::string resolv_conf_path(const model::WorkloadId& workload) const override {
    return "/run/weft/workload/" + workload.text + "/resolv.conf";
  }
  Result<os::Fd> attach(const model::WorkloadId&, const std::optional<workload::Progress>& had) override {
    attached_after = had;
    if (!shim.valid()) return error(base::Code::NotFound, "it doesn't run");
    return std::move(shim);
  }
  Result<os::Fd> exec(const Exec& exec) override {
    executed = exec;
    return attach(exec.workload, {});
  }
  Result<std::unique_ptr<Stream<LogLine>>> logs(const LogQuery& query) override {
    log_query = query;
    return std::unique_ptr<Stream<LogLine>>(std::make_unique<SourceStream<LogLine>>(lines));
  }
  Result<Trace> trace(const TraceQuery& query) override {
    traced = query;
    Trace trace;
    trace.verdict = Verdict::Drop;
    trace.reason = "ingress-denied";
    return trace;
  }
  Result<std::unique_ptr<Stream<FlowRecord>>> flows(const FlowQuery&) override {
    return std::unique_ptr<Stream<FlowRecord>>(std::make_unique<SourceStream<FlowRecord>>(flow_records));
  }
  Result<std::unique_ptr<Stream<Event>>> events(const EventQuery&) override {
    return std::unique_ptr<Stream<Event>>(std::make_unique<SourceStream<Event>>(happenings));
  }
  uint64_t flows_of(const model::RuleId&) const override { return 3; }
  uint64_t flows_of(const model::AclRuleId&) const override { return 5; }
  TniCounters counters(const model::TniId&) const override { return {}; }
  std::vector<Problem> problems() const override { return problems_; }
  std::vector<Check> doctor() override { return checks; }
  std::vector<std::string> held_for(const model::AnyId& id) const override { return {"link of " + model::text_of(id)}; }
  std::string metrics() const override { return "weft_up 1\n"; }

  void pass(base::Duration time) { now_ = now_ + time; }

  bool hold_commits = false;
  std::deque<std::function<void()>> held;
  model::Changes last_changes;
  std::string why_read_only;
  std::string why_unknown;  // what runs
  std::map<model::WorkloadId, RunStatus> statuses;
  Source<RunStatus> exits;
  Source<LogLine> lines;
  Source<FlowRecord> flow_records;
  Source<Event> happenings;
  os::Fd shim;
  model::WorkloadId attached;
  std::optional<workload::Progress> attached_after;
  model::WorkloadId awaited;
  std::weak_ptr<std::function<void()>> when_wanted;
  Exec executed;
  LogQuery log_query;
  TraceQuery traced;
  std::vector<Problem> problems_;
  std::vector<Check> checks;

 private:
  base::Rng rng_;
  base::WallTime now_{1'795'000'000'000'000'000};
  model::State state_;
  uint64_t revision_ = 1;
  Identity identity_;
};

// Calls methods as the HTTP front does, from JSON to JSON.
class ApiTest : public testing::Test {
 public:
  using Json = schema::Json;

  explicit ApiTest(uint64_t seed = 1) : backend_(seed) {}

  Result<Json> try_call(const std::string& name, const std::string& request, Role role = Role::Admin) {
    const Caller caller{.role = role, .actor = "uid:0"};
    const Method* method = TRY(dispatch_->find(name, caller));
    const std::unique_ptr<Message> message(method->request->New());
    TRY_VOID(schema::read_json_text(request, *message));
    std::optional<Result<Json>> answer;
    pending_ = std::get<Unary>(method->run)(caller, *message, [&](Result<std::unique_ptr<Message>> result) {
      answer = result.ok() ? Result<Json>(Json::parse(schema::to_json_text(**result))) : Result<Json>(result.error());
    });
    if (!answer) return error(base::Code::TimedOut, "no answer yet");
    return *std::move(answer);
  }
  Json call(const std::string& name, const std::string& request) {
    auto answer = try_call(name, request);
    EXPECT_TRUE(answer.ok()) << name << " " << request << ": " << (answer.ok() ? "" : answer.error().what);
    return answer.ok() ? *answer : Json();
  }
  Error refused(const std::string& name, const std::string& request, Role role = Role::Admin) {
    const auto before = backend_.state().objects();
    auto answer = try_call(name, request, role);
    EXPECT_FALSE(answer.ok()) << name << " " << request;
    EXPECT_EQ(backend_.state().objects(), before) << "a refusal changed something";
    return answer.ok() ? Error{} : answer.error();
  }
  std::string id_of(const std::string& name, const std::string& request) {
    const Json answer = call(name, request);
    return answer.is_object() ? answer.value("id", "") : "";
  }

 protected:
  FakeBackend backend_;
  std::unique_ptr<Dispatch> dispatch_ = make_dispatch(backend_);
  Pending pending_;
};

}  // namespace weft::api
