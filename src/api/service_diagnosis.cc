// Diagnosis.
#include <algorithm>

#include "api/explain.h"
#include "api/method.h"
#include "api/resolve.h"
#include "api/services.h"
#include "api/trace_query.h"
#include "api/view.h"
#include "base/text.h"

namespace weft::api {

using base::Code;

namespace {

Result<v1::TraceAnswer> trace(const Asked& asked, const v1::TraceRequest& request) {
  const TraceQuery query = TRY(trace_query(asked.draft, request));
  return view(TRY(asked.backend.trace(query)));
}

Result<std::optional<base::WallTime>> start_of(const Backend& backend, const std::string& since) {
  if (since.empty()) return std::optional<base::WallTime>();
  const auto back = TRY(base::parse_duration(since).in_field("since"));
  return std::optional(base::WallTime{backend.now().ns - back.count()});
}

Result<std::unique_ptr<MessageStream>> flows(const Asked& asked, const v1::FlowsRequest& request) {
  std::optional<model::TniId> tni;
  if (!request.tni().empty()) tni = TRY(resolve_tni(asked.draft, request.tni()).in_field("tni"));
  std::optional<Verdict> verdict;
  if (request.has_verdict()) {
    verdict = request.verdict() == v1::VERDICT_ALLOW ? Verdict::Allow : Verdict::Drop;
  }
  const FlowQuery query{.follow = request.follow(), .since = TRY(start_of(asked.backend, request.since()))};
  auto records = TRY(asked.backend.flows(query));
  const auto show = [&backend = asked.backend, tni, verdict](const FlowRecord& record) {
    const bool wanted = (!tni || record.tni == *tni) && (!verdict || record.verdict == *verdict);
    return wanted ? std::optional(view(backend.state(), record)) : std::nullopt;
  };
  return std::unique_ptr<MessageStream>(
      std::make_unique<ViewStream<FlowRecord, v1::FlowRecord>>(std::move(records), show));
}

Result<std::unique_ptr<MessageStream>> events(const Asked& asked, const v1::EventsRequest& request) {
  const EventQuery query{.follow = request.follow(), .since = TRY(start_of(asked.backend, request.since()))};
  auto stream = TRY(asked.backend.events(query));
  return std::unique_ptr<MessageStream>(std::make_unique<ViewStream<Event, v1::Event>>(
      std::move(stream), [](const Event& event) { return std::optional(view(event)); }));
}

uint32_t count(size_t size) { return static_cast<uint32_t>(size); }

Result<v1::StatusAnswer> status(const Asked& asked, const v1::StatusRequest&) {
  const Backend& backend = asked.backend;
  const model::State& state = backend.state();
  v1::StatusAnswer answer;
  answer.set_instance(backend.identity().instance);
  answer.set_machine(backend.identity().machine.text);
  if (const auto* machine = state.find(backend.identity().machine)) answer.set_machine_name(machine->name);
  answer.set_version(backend.identity().version);
  answer.set_started(base::format_time(backend.identity().started));
  answer.set_revision(backend.revision());
  answer.set_read_only(backend.read_only());
  answer.set_vpcs(count(state.all<model::Vpc>().size()));
  answer.set_subnets(count(state.all<model::Subnet>().size()));
  answer.set_groups(count(state.all<model::Group>().size()));
  answer.set_rules(count(state.all<model::Rule>().size()));
  answer.set_tnis(count(state.all<model::Tni>().size()));
  uint32_t workloads = 0;
  uint32_t running = 0;
  for (const auto& [id, workload] : state.all<model::Workload>()) {
    if (workload.kind == model::WorkloadKind::Machine) continue;
    ++workloads;
    const auto run = backend.status(id).value_or(std::nullopt);
    running += run && run->state == RunState::Running;
  }
  answer.set_workloads(workloads);
  answer.set_running(running);
  for (const Problem& problem : backend.problems()) *answer.add_problems() = view(state, problem);
  answer.set_ok(answer.problems().empty() && answer.read_only().empty());
  return answer;
}

Result<v1::DoctorAnswer> doctor(const Asked& asked, const v1::DoctorRequest&) {
  v1::DoctorAnswer answer;
  answer.set_ok(true);
  for (const Check& check : asked.backend.doctor()) {
    *answer.add_checks() = view(check);
    if (check.health == Health::Bad) answer.set_ok(false);
  }
  return answer;
}

Result<v1::ExplainAnswer> explain_object(const Asked& asked, const v1::ExplainRequest& request) {
  return explain(asked.backend, TRY(resolve_any(asked.draft, request.object()).in_field("object")));
}

Result<v1::VersionAnswer> version(const Asked& asked, const v1::VersionRequest&) {
  v1::VersionAnswer answer;
  answer.set_version(asked.backend.identity().version);
  answer.set_api("v1");
  answer.set_instance(asked.backend.identity().instance);
  return answer;
}

Result<v1::MetricsAnswer> metrics(const Asked& asked, const v1::MetricsRequest&) {
  v1::MetricsAnswer answer;
  answer.set_text(asked.backend.metrics());
  return answer;
}

}  // namespace

void add_diagnosis(Dispatch& dispatch) {
  add_read(dispatch, "Diagnosis/Trace", trace);
  add_stream(dispatch, "Diagnosis/Flows", flows);
  add_read(dispatch, "Diagnosis/Status", status);
  add_read(dispatch, "Diagnosis/Doctor", doctor);
  add_stream(dispatch, "Diagnosis/Events", events);
  add_read(dispatch, "Diagnosis/Explain", explain_object);
  add_read(dispatch, "Diagnosis/Version", version);
  add_read(dispatch, "Diagnosis/Metrics", metrics);
}

}  // namespace weft::api
