#include "diagnosis/metrics.h"

#include <array>

#include "bpf/gateway_abi.h"
#include "diagnosis/prometheus.h"

namespace weft::diagnosis {

namespace {

constexpr std::array kStates = {
    std::pair{api::RunState::Created, "created"}, std::pair{api::RunState::Running, "running"},
    std::pair{api::RunState::Backoff, "backoff"}, std::pair{api::RunState::Stopping, "stopping"},
    std::pair{api::RunState::Exited, "exited"},   std::pair{api::RunState::Failed, "failed"}};

void write_instance(const Measured& measured, Prometheus& out) {
  out.gauge("weft_info", "Always 1; the labels say what runs.");
  out.sample(1, {{"version", measured.version}});
  out.gauge("weft_revision", "Revision of the agreed state that this machine has.");
  out.sample(measured.revision);
  out.gauge("weft_store_writable", "1 while changes are taken, 0 while the store is read-only.");
  out.sample(measured.store == Measured::Store::Writable ? 1 : 0);
  out.gauge("weft_problems", "Things that are not as wanted.");
  out.sample(measured.problems);
  out.gauge("weft_objects", "Objects of the agreed state.");
  for (const auto& [kind, count] : measured.objects) out.sample(count, {{"kind", kind}});
  out.gauge("weft_workloads", "Workloads of this machine.");
  for (const auto& [state, name] : kStates) {
    const auto count = measured.workloads.find(state);
    out.sample(count == measured.workloads.end() ? 0 : count->second, {{"state", name}});
  }
}

// By enum border_reason: `machine` is what was for the machine itself, and no published port.
constexpr std::array<std::string_view, abi::BORDER_REASONS> kBorderReasons = {"not-ip", "machine", "no-exit",
                                                                              "no-gateway"};

void write_datapath(const Measured& measured, Prometheus& out) {
  out.gauge("weft_flows", "Open flows.");
  out.sample(measured.flows);
  out.gauge("weft_flows_limit", "Flows that the table holds at the most.");
  out.sample(measured.most_flows);
  out.counter("weft_flow_log_lost_total", "Records that the flow log never got, the ring being full.");
  out.sample(measured.events_lost);
  out.counter("weft_dropped_packets_total", "Packets that were dropped, by reason.");
  for (const auto& [reason, count] : measured.drops) out.sample(count, {{"reason", text_of(reason)}});
  if (measured.border_drops.empty()) return;
  out.counter("weft_border_dropped_packets_total", "Packets between gateways and the machine that were dropped.");
  for (size_t i = 0; i < measured.border_drops.size() && i < kBorderReasons.size(); ++i) {
    out.sample(measured.border_drops[i], {{"reason", kBorderReasons[i]}});
  }
}

// A value of every TNI, one family.
template <class Value>
void write_tnis(const Measured& measured, Prometheus& out, Value value) {
  for (const TniSample& tni : measured.tnis) {
    const auto write = [&](uint64_t number, std::string_view direction) {
      Prometheus::Labels labels{{"tni", tni.id.text}, {"name", tni.name}, {"vpc", tni.vpc}};
      if (!direction.empty()) labels.emplace_back("direction", direction);
      out.sample(number, labels);
    };
    value(tni.counters, write);
  }
}

void write_all_tnis(const Measured& measured, Prometheus& out) {
  out.counter("weft_tni_packets_total", "Packets of an interface, as its workload sees the direction.");
  write_tnis(measured, out, [](const api::TniCounters& counters, const auto& write) {
    write(counters.in.packets, "in");
    write(counters.out.packets, "out");
  });
  out.counter("weft_tni_bytes_total", "Bytes of an interface, as its workload sees the direction.");
  write_tnis(measured, out, [](const api::TniCounters& counters, const auto& write) {
    write(counters.in.bytes, "in");
    write(counters.out.bytes, "out");
  });
  out.counter("weft_tni_drops_total", "Packets of an interface that were dropped.");
  write_tnis(measured, out, [](const api::TniCounters& counters, const auto& write) { write(counters.drops, ""); });
  out.gauge("weft_tni_flows", "Open flows that count as an interface's own.");
  write_tnis(measured, out, [](const api::TniCounters& counters, const auto& write) { write(counters.flows, ""); });
}

void write_rules(const Measured& measured, Prometheus& out) {
  out.counter("weft_rule_flows_total", "Flows that a rule allowed.");
  for (const RuleSample& rule : measured.rules) {
    out.sample(rule.flows, {{"rule", rule.id.text}, {"group", rule.group}});
  }
}

}  // namespace

Measured measure_state(const model::State& state, const StatusOf& status) {
  Measured measured;
  measured.objects = {{"vpc", state.all<model::Vpc>().size()},          {"subnet", state.all<model::Subnet>().size()},
                      {"sg", state.all<model::Group>().size()},         {"rule", state.all<model::Rule>().size()},
                      {"pl", state.all<model::PrefixList>().size()},    {"tni", state.all<model::Tni>().size()},
                      {"workload", state.all<model::Workload>().size()}};
  for (const auto& [id, workload] : state.all<model::Workload>()) {
    if (workload.kind != model::WorkloadKind::Process) continue;
    if (const auto is = status(id)) ++measured.workloads[is->state];
  }
  return measured;
}

std::string to_prometheus(const Measured& measured) {
  Prometheus out;
  write_instance(measured, out);
  write_datapath(measured, out);
  write_all_tnis(measured, out);
  write_rules(measured, out);
  out.gauge("weft_series_left_out", "Objects without series of their own, there being too many.");
  out.sample(measured.tnis_left_out, {{"kind", "tni"}});
  out.sample(measured.rules_left_out, {{"kind", "rule"}});
  return std::move(out).text();
}

}  // namespace weft::diagnosis
