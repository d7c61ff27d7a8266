// Workloads.
#include <algorithm>

#include "api/method.h"
#include "api/services.h"
#include "api/settle.h"
#include "api/settle_text.h"
#include "api/view.h"
#include "base/text.h"
#include "schema/copy.h"

namespace weft::api {

using base::Code;
using base::printable;

namespace {

Error refusal(Code code, const model::Workload& workload, std::string_view what) {
  return Error{.code = code,
               .what = fmt::format("workload {} {}", workload.name, what),
               .field = "name",
               .holder = workload.id.text};
}

// The machine is a workload that nobody starts or stops, and what is external
// is another's to start and stop.
Result<model::Workload> ours(const Draft& draft, const std::string& name) {
  const model::Workload workload = draft.get(TRY(resolve_workload(draft, name).in_field("name")));
  if (workload.kind == model::WorkloadKind::Machine) return refusal(Code::Conflict, workload, "is the machine itself");
  return workload;
}
Result<model::Workload> our_process(const Draft& draft, const std::string& name) {
  const model::Workload workload = TRY(ours(draft, name));
  if (workload.kind == model::WorkloadKind::External) {
    return refusal(Code::Conflict, workload, "is external: what runs in it isn't started or stopped by weft");
  }
  return workload;
}

bool is_over(const std::optional<RunStatus>& status) {
  return status && (status->state == RunState::Exited || status->state == RunState::Failed);
}

// For what may be done only if it runs, or only if it doesn't: nothing is done by a guess.
Result<std::optional<RunStatus>> status_of(const Backend& backend, const model::Workload& workload) {
  return backend.status(workload.id)
      .within(fmt::format("it isn't known whether workload {} runs", workload.name))
      .in_field("name");
}

// Why nothing runs under this name although somebody has it.
std::string_view why_idle(const Backend& backend, const model::Workload& workload) {
  const auto status = backend.status(workload.id).value_or(std::nullopt);
  if (workload.wanted == model::Wanted::Stopped) return "is stopped";
  if (!is_over(status)) return {};
  return status->state == RunState::Failed ? "could not be started" : "has ended";
}

// To run again what is there is nothing new while it runs, and otherwise not what
// the caller means: nothing would run.
Result<> check_not_idle(const Draft& draft, const Backend& backend, const std::string& name) {
  const auto* there = name.empty() ? nullptr : find_named<model::Workload>(draft, draft.around().machine.text, name);
  if (there == nullptr || there->kind != model::WorkloadKind::Process) return {};
  const std::string_view why = why_idle(backend, *there);
  if (why.empty()) return {};
  return Error{.code = Code::Conflict,
               .what = fmt::format("the name {0} is taken by {1}, which {2}; `weft start {0}` runs it again, "
                                   "`weft rm {0}` frees the name",
                                   name, there->id.text, why),
               .field = "name",
               .holder = there->id.text};
}

Pending run(Dispatch& dispatch, const Caller& caller, const v1::WorkloadRunRequest& request, Done done) {
  Draft draft(surroundings_of(dispatch));
  const auto not_idle = check_not_idle(draft, dispatch.backend(), request.name());
  v1::WorkloadSpec spec;
  schema::copy_fields(request, spec);
  const auto keep = request.rm() ? model::Keep::UntilExit : model::Keep::AfterExit;
  const auto id = settle_workload(draft, request.name(), spec, keep, IfThere::Same);
  if (!id.ok() || !not_idle.ok()) {
    done(id.ok() ? not_idle.error() : id.error());
    return nullptr;
  }
  if (request.attach() && !request.dry_run()) dispatch.backend().start_attached(*id);
  finish(dispatch, caller, draft, request.dry_run(), *created(id->text, draft.get(*id).name), std::move(done));
  return nullptr;
}

// What runs or shall run, unless all are asked for.
bool is_listed(const Backend& backend, const model::Workload& workload) {
  if (workload.kind == model::WorkloadKind::Machine) return false;
  if (workload.kind == model::WorkloadKind::External) return true;
  const auto status = backend.status(workload.id).value_or(std::nullopt);
  return workload.wanted == model::Wanted::Running ? !is_over(status) : status && !is_over(status);
}

Result<v1::WorkloadListAnswer> list(const Asked& asked, const v1::WorkloadListRequest& request) {
  v1::WorkloadListAnswer answer;
  for (const auto& [id, workload] : asked.backend.state().all<model::Workload>()) {
    if (request.all() || is_listed(asked.backend, workload)) {
      *answer.add_items() = view(asked.backend, asked.caller, workload);
    }
  }
  sort_by_name(*answer.mutable_items());
  return answer;
}

Result<v1::WorkloadItem> get(const Asked& asked, const v1::GetRequest& request) {
  const auto id = TRY(resolve_workload(asked.draft, request.name()).in_field("name"));
  return view(asked.backend, asked.caller, asked.draft.get(id));
}

Result<v1::Changed> stop(Draft& draft, const v1::WorkloadStopRequest& request) {
  model::Workload workload = TRY(our_process(draft, request.name()));
  workload.wanted = model::Wanted::Stopped;
  draft.put(workload);
  return v1::Changed();
}

Result<v1::Changed> restart(Draft& draft, const v1::WorkloadRestartRequest& request) {
  model::Workload workload = TRY(our_process(draft, request.name()));
  workload.wanted = model::Wanted::Running;
  ++workload.generation;
  draft.put(workload);
  return v1::Changed();
}

// Starting what runs changes nothing.
Result<v1::Changed> start(Draft& draft, const Backend& backend, const v1::WorkloadStartRequest& request) {
  model::Workload workload = TRY(our_process(draft, request.name()));
  if (workload.wanted == model::Wanted::Running && !is_over(TRY(status_of(backend, workload)))) return v1::Changed();
  workload.wanted = model::Wanted::Running;
  ++workload.generation;
  draft.put(workload);
  return v1::Changed();
}

Result<> check_over(const Backend& backend, const model::Workload& workload) {
  if (workload.kind != model::WorkloadKind::Process) return {};
  auto status = status_of(backend, workload);
  if (!status.ok()) {
    Error error = std::move(status).error();
    error.what += "; use force to remove it all the same";
    return error;
  }
  if (*status && !is_over(*status)) return refusal(Code::Conflict, workload, "runs; stop it first, or use force");
  return {};
}

Result<v1::Changed> remove(Draft& draft, const Backend& backend, const v1::WorkloadRemoveRequest& request) {
  const model::Workload workload = TRY(ours(draft, request.name()));
  if (!request.force()) TRY_VOID(check_over(backend, workload));
  remove_workload(draft, workload.id);
  return v1::Changed();
}

v1::WorkloadWaitAnswer exit_view(const RunStatus& status) {
  v1::WorkloadWaitAnswer answer;
  answer.set_exit_code(status.exit_code.value_or(status.state == RunState::Failed ? 125 : 0));
  answer.set_signal(static_cast<uint32_t>(status.signal));
  answer.set_oom(status.oom);
  answer.set_reason(status.reason);
  return answer;
}

// One that went when it ended (`--rm`) is known by its id only.
Result<model::WorkloadId> resolve_gone_too(const Draft& draft, const std::string& name) {
  if (model::WorkloadId::looks_like(name)) return model::WorkloadId{name};
  return resolve_workload(draft, name).in_field("name");
}

void answer_exit(const std::shared_ptr<Stream<RunStatus>>& exit, const Done& done) {
  const auto statuses = exit->take(1);
  if (!statuses.ok()) return done(statuses.error());
  if (!statuses->empty()) return done(as_message<v1::WorkloadWaitAnswer>(exit_view(statuses->front())));
  if (exit->ended()) return done(error(Code::Unavailable, "how it ended is not known"));
  exit->when_ready([weak = std::weak_ptr(exit), done] {
    if (const auto still = weak.lock()) answer_exit(still, done);
  });
}

Pending wait(Dispatch& dispatch, const Caller&, const v1::GetRequest& request, Done done) {
  const auto id = resolve_gone_too(Draft(surroundings_of(dispatch)), request.name());
  if (!id.ok()) {
    done(id.error());
    return nullptr;
  }
  auto exit = dispatch.backend().exit_of(*id);
  if (!exit.ok()) {
    done(exit.error());
    return nullptr;
  }
  const std::shared_ptr<Stream<RunStatus>> shared = *std::move(exit);
  answer_exit(shared, done);
  return shared;
}

Pending await_wanted(Dispatch& dispatch, const Caller&, const v1::GetRequest& request, Done done) {
  const auto id = resolve_gone_too(Draft(surroundings_of(dispatch)), request.name());
  if (!id.ok()) {
    done(id.error());
    return nullptr;
  }
  auto waiting = dispatch.backend().await_wanted(*id, [&backend = dispatch.backend(), done] {
    v1::Changed answer;
    answer.set_revision(backend.revision());
    done(as_message<v1::Changed>(std::move(answer)));
  });
  if (waiting.ok()) return *waiting;
  done(waiting.error());
  return nullptr;
}

Result<std::unique_ptr<MessageStream>> logs(const Asked& asked, const v1::WorkloadLogsRequest& request) {
  LogQuery query;
  query.workload = TRY(our_process(asked.draft, request.name())).id;
  query.follow = request.follow();
  if (request.has_tail()) query.tail = request.tail();
  auto lines = TRY(asked.backend.logs(query));
  return std::unique_ptr<MessageStream>(std::make_unique<ViewStream<LogLine, v1::LogLine>>(
      std::move(lines), [](const LogLine& line) { return std::optional(view(line)); }));
}

Result<os::Fd> attach(const Asked& asked, const v1::WorkloadAttachRequest& request) {
  const model::Workload found = TRY(our_process(asked.draft, request.name()));
  std::optional<workload::Progress> had;
  if (request.has_received()) had = {.life = request.life(), .output = request.received()};
  return asked.backend.attach(found.id, had);
}

Result<os::Fd> exec(const Asked& asked, const v1::WorkloadExecRequest& request) {
  constexpr uint32_t kMostRows = 10'000;
  const model::Workload workload = TRY(our_process(asked.draft, request.name()));
  if (request.command_size() == 0 || request.command(0).empty()) {
    return Error{.code = Code::Usage, .what = "there is nothing to execute", .field = "command"};
  }
  Exec exec;
  exec.workload = workload.id;
  exec.command.assign(request.command().begin(), request.command().end());
  exec.env.assign(request.env().begin(), request.env().end());
  for (const std::string& entry : exec.env) {
    if (entry.find('=') == std::string::npos || entry.front() == '=') {
      return Error{.code = Code::Usage, .what = fmt::format("{} is not NAME=VALUE", printable(entry)), .field = "env"};
    }
  }
  exec.user = request.user();
  exec.workdir = request.workdir();
  exec.terminal = request.tty() ? model::Terminal::Given : model::Terminal::None;
  exec.rows = static_cast<uint16_t>(std::min(request.rows(), kMostRows));
  exec.columns = static_cast<uint16_t>(std::min(request.columns(), kMostRows));
  return asked.backend.exec(exec);
}

}  // namespace

void add_workloads(Dispatch& dispatch) {
  add_call(dispatch, "Workloads/Run", Effect::Write, run);
  add_read(dispatch, "Workloads/List", list);
  add_read(dispatch, "Workloads/Get", get);
  add_write(dispatch, "Workloads/Stop", stop);
  add_write(dispatch, "Workloads/Start", start);
  add_write(dispatch, "Workloads/Restart", restart);
  add_write(dispatch, "Workloads/Remove", remove);
  add_call(dispatch, "Workloads/Wait", Effect::Read, wait);
  add_call(dispatch, "Workloads/AwaitWanted", Effect::Read, await_wanted);
  add_stream(dispatch, "Workloads/Logs", logs);
  add_upgrade(dispatch, "Workloads/Attach", attach);
  add_upgrade(dispatch, "Workloads/Exec", exec);
}

}  // namespace weft::api
