#include "api/view.h"

#include <algorithm>

#include "api/settle_text.h"
#include "base/text.h"
#include "model/border.h"
#include "schema/object.h"

namespace weft::api {

namespace {

uint32_t count(size_t size) { return static_cast<uint32_t>(size); }

template <class Tag>
std::string name_of(const model::State& state, const base::Id<Tag>& id) {
  const auto* object = state.find(id);
  return object == nullptr ? std::string() : object->name;
}

// A network's own, the router, the resolver, future use, and the last.
constexpr uint64_t kReserved = model::kReservedLow + 1;

// Attached to a workload, eth0 first.
std::vector<const model::Tni*> interfaces_of(const model::State& state, const model::WorkloadId& workload) {
  std::vector<const model::Tni*> tnis;
  for (const model::TniId& id : state.tnis_of(workload)) tnis.push_back(&state.get(id));
  std::sort(tnis.begin(), tnis.end(), [](const auto* a, const auto* b) { return a->device < b->device; });
  return tnis;
}

}  // namespace

std::string peer_name(const model::State& state, const model::Peer& peer, const model::VpcId& home) {
  if (const auto* prefix = std::get_if<net::Prefix>(&peer)) return prefix->text();
  if (const auto* list = std::get_if<model::PrefixListId>(&peer)) return "pl:" + name_of(state, *list);
  const auto* group = state.find(std::get<model::GroupId>(peer));
  if (group == nullptr) return std::get<model::GroupId>(peer).text;
  if (group->vpc == home) return "sg:" + group->name;
  return fmt::format("sg:{}/{}", name_of(state, group->vpc), group->name);
}

std::string protocol_name(uint8_t protocol) { return model::Traffic{.protocol = protocol}.text(); }

v1::VpcItem view(const model::State& state, const model::Vpc& vpc) {
  v1::VpcItem item;
  schema::write(vpc, item);
  item.set_default_group_name(name_of(state, vpc.default_group));
  item.set_subnets(count(state.subnets_of(vpc.id).size()));
  item.set_groups(count(state.groups_of(vpc.id).size()));
  size_t tnis = 0;
  for (const model::SubnetId& subnet : state.subnets_of(vpc.id)) tnis += state.tnis_of(subnet).size();
  item.set_tnis(count(tnis));
  item.set_tables(count(state.tables_of(vpc.id).size()));
  item.set_acls(count(state.acls_of(vpc.id).size()));
  item.set_main_table_name(name_of(state, vpc.main_table));
  return item;
}

v1::SubnetItem view(const model::State& state, const model::Subnet& subnet) {
  v1::SubnetItem item;
  schema::write(subnet, item);
  item.set_vpc_name(name_of(state, subnet.vpc));
  item.set_router(model::router_of(subnet.cidr).text());
  item.set_resolver(model::resolver_of(subnet.cidr).text());
  uint64_t held = 0;
  for (const model::TniId& id : state.tnis_of(subnet.id)) held += 1 + state.get(id).secondary.size();
  item.set_tnis(count(state.tnis_of(subnet.id).size()));
  item.set_free(subnet.cidr.size() - kReserved - held);
  for (const model::BlockId& id : state.blocks_of(subnet.id)) item.add_blocks(state.get(id).range.text());
  item.set_table_name(state.table_of(subnet).name);
  item.set_acl_name(state.acl_of(subnet).name);
  item.set_public_(model::is_public(state, subnet));
  return item;
}

v1::GroupItem view(const model::State& state, const model::Group& group) {
  v1::GroupItem item;
  schema::write(group, item);
  item.set_vpc_name(name_of(state, group.vpc));
  uint32_t in = 0;
  for (const model::RuleId& id : state.rules_of(group.id)) in += state.get(id).direction == model::Direction::In;
  item.set_rules_in(in);
  item.set_rules_out(count(state.rules_of(group.id).size()) - in);
  item.set_tnis(count(state.tnis_of(group.id).size()));
  return item;
}

v1::GroupItem view_whole(const Backend& backend, const model::Group& group) {
  const model::State& state = backend.state();
  v1::GroupItem item = view(state, group);
  for (const model::RuleId& id : state.rules_of(group.id)) *item.add_rules() = view(backend, state.get(id));
  for (const model::TniId& id : state.tnis_of(group.id)) item.add_members(state.get(id).name);
  std::sort(item.mutable_members()->begin(), item.mutable_members()->end());
  return item;
}

v1::RuleItem view(const Backend& backend, const model::Rule& rule) {
  const model::State& state = backend.state();
  v1::RuleItem item;
  schema::write(rule, item);
  const model::Group* group = state.find(rule.group);
  item.set_peer_name(peer_name(state, rule.peer, group == nullptr ? model::VpcId() : group->vpc));
  item.set_expired(!rule.live_at(backend.now()));
  item.set_flows(backend.flows_of(rule.id));
  return item;
}

v1::PrefixListItem view(const model::State& state, const model::PrefixList& list) {
  v1::PrefixListItem item;
  schema::write(list, item);
  item.set_rules(count(state.rules_naming(list.id).size()));
  return item;
}

v1::TniItem view(const Backend& backend, const model::Tni& tni) {
  const model::State& state = backend.state();
  v1::TniItem item;
  schema::write(tni, item);
  item.set_vpc_name(name_of(state, tni.vpc));
  item.set_subnet_name(name_of(state, tni.subnet));
  for (const model::GroupId& group : tni.groups) item.add_group_names(name_of(state, group));
  if (!tni.workload.empty()) {
    item.set_workload_name(name_of(state, tni.workload));
    item.set_device_name(fmt::format("eth{}", tni.device));
    if (tni.machine == backend.identity().machine) item.set_netns(backend.netns_path(tni.workload));
  }
  const TniCounters counters = backend.counters(tni.id);
  v1::TniCounters& out = *item.mutable_counters();
  out.set_packets_in(counters.in.packets);
  out.set_bytes_in(counters.in.bytes);
  out.set_packets_out(counters.out.packets);
  out.set_bytes_out(counters.out.bytes);
  out.set_drops(counters.drops);
  out.set_flows(counters.flows);
  return item;
}

v1::WorkloadStatus view(const RunStatus& status) {
  v1::WorkloadStatus out;
  out.set_state(static_cast<v1::WorkloadState>(status.state));
  out.set_pid(static_cast<uint32_t>(status.pid));
  if (status.started) out.set_started(base::format_time(*status.started));
  if (status.ended) out.set_ended(base::format_time(*status.ended));
  if (status.exit_code) out.set_exit_code(*status.exit_code);
  out.set_signal(static_cast<uint32_t>(status.signal));
  out.set_restarts(status.restarts);
  out.set_oom(status.oom);
  out.set_reason(status.reason);
  return out;
}

v1::WorkloadItem view(const Backend& backend, const Caller& caller, const model::Workload& workload) {
  const model::State& state = backend.state();
  v1::WorkloadItem item;
  schema::write(workload, item);
  if (caller.role < Role::Operator) {
    for (std::string& entry : *item.mutable_env()) entry.replace(entry.find('=') + 1, std::string::npos, "...");
  }
  item.set_machine_name(name_of(state, workload.machine));
  for (const model::Tni* tni : interfaces_of(state, workload.id)) {
    item.add_tnis(tni->id.text);
    item.add_tni_names(tni->name);
    for (const net::Address& address : tni->addresses()) item.add_ips(address.text());
  }
  for (const model::Publication& publication : workload.publish) item.add_ports(to_text(publication));
  if (const auto status = backend.status(workload.id).value_or(std::nullopt)) *item.mutable_status() = view(*status);
  if (workload.machine == backend.identity().machine) item.set_netns(backend.netns_path(workload.id));
  return item;
}

v1::TraceAnswer view(const Trace& trace) {
  v1::TraceAnswer answer;
  const auto verdict = [](Verdict v) { return v == Verdict::Allow ? v1::VERDICT_ALLOW : v1::VERDICT_DROP; };
  answer.set_verdict(verdict(trace.verdict));
  answer.set_reason(trace.reason);
  answer.set_rule(trace.rule);
  for (const TraceStep& step : trace.steps) {
    v1::TraceStep& out = *answer.add_steps();
    out.set_step(step.step);
    out.set_verdict(verdict(step.verdict));
    out.set_what(step.what);
    out.set_rule(step.rule);
  }
  if (trace.live) answer.set_live(verdict(*trace.live));
  answer.set_live_reason(trace.live_reason);
  if (trace.live) answer.set_live_agrees(trace.live_match == Trace::Match::Same);
  answer.set_live_note(trace.live_note);
  return answer;
}

v1::FlowRecord view(const model::State& state, const FlowRecord& record) {
  v1::FlowRecord out;
  out.set_time(schema::to_text(record.time));
  out.set_verdict(record.verdict == Verdict::Allow ? v1::VERDICT_ALLOW : v1::VERDICT_DROP);
  out.set_reason(record.reason);
  out.set_rule(record.rule);
  out.set_tni(record.tni.text);
  out.set_tni_name(name_of(state, record.tni));
  out.set_direction(record.direction == model::Direction::In ? "in" : "out");
  out.set_protocol(protocol_name(record.protocol));
  out.set_source(record.source.text());
  out.set_source_port(record.source_port);
  out.set_target(record.target.text());
  out.set_target_port(record.target_port);
  out.set_packets(record.counters.packets);
  out.set_bytes(record.counters.bytes);
  return out;
}

v1::Event view(const Event& event) {
  v1::Event out;
  out.set_time(schema::to_text(event.time));
  out.set_kind(event.kind);
  out.set_id(event.id);
  out.set_name(event.name);
  out.set_what(event.what);
  return out;
}

v1::LogLine view(const LogLine& line) {
  v1::LogLine out;
  out.set_time(schema::to_text(line.time));
  out.set_stream(line.stream);
  out.set_text(line.text);
  return out;
}

v1::Problem view(const model::State& state, const Problem& problem) {
  v1::Problem out;
  out.set_id(problem.id);
  if (const auto id = schema::parse_any_id(problem.id); id.ok()) {
    std::visit(
        [&](const auto& i) {
          const auto* object = state.find(i);
          if constexpr (requires { object->name; }) {
            if (object != nullptr) out.set_name(object->name);
          }
        },
        *id);
  }
  out.set_what(problem.what);
  out.set_since(base::format_time(problem.since));
  return out;
}

v1::DoctorCheck view(const Check& check) {
  v1::DoctorCheck out;
  out.set_check(check.check);
  out.set_health(static_cast<v1::Health>(check.health));
  out.set_what(check.what);
  out.set_advice(check.advice);
  return out;
}

}  // namespace weft::api
