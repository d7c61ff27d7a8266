#include <numeric>

#include "datapath/datapath.h"
#include "diagnosis/metrics.h"

namespace weft::diagnosis {

namespace {

template <class Values>
uint64_t sum(const Values& values) {
  return std::accumulate(values.begin(), values.end(), uint64_t{0});
}

api::TniCounters counters_of(const abi::counters& from, uint32_t flows) {
  return {.in = {.packets = from.received_packets, .bytes = from.received_bytes},
          .out = {.packets = from.sent_packets, .bytes = from.sent_bytes},
          .drops = from.drops,
          .flows = flows};
}

Result<> measure_drops(const datapath::Bpf& bpf, Measured& measured) {
  for (uint32_t number = 0; number < abi::REASON_COUNT; ++number) {
    const auto reason = static_cast<model::Reason>(number);
    if (outcome_of(reason) == model::Outcome::Drop) measured.drops[reason] = sum(TRY(bpf.reasons.get(number)));
  }
  return {};
}

// Of those that are attached.
Result<> measure_tnis(const model::State& state, const datapath::Datapath& datapath, Measured& measured) {
  for (const auto& [id, tni] : state.all<model::Tni>()) {
    const auto slot = datapath.slot_of(id);
    if (!slot || tni.workload.empty()) continue;
    if (measured.tnis.size() == kMostTniSeries) {
      ++measured.tnis_left_out;
      continue;
    }
    const uint32_t flows = TRY(datapath.bpf().flow_counts.get(*slot));
    measured.tnis.push_back({.id = id,
                             .name = tni.name,
                             .vpc = state.get(tni.vpc).name,
                             .counters = counters_of(TRY(datapath.counters_of(id)), flows)});
  }
  return {};
}

// In the order of their ids: which ones have series doesn't change by itself.
Result<> measure_rules(const model::State& state, const datapath::Datapath& datapath, Measured& measured) {
  std::map<model::RuleId, uint32_t> slots;
  for (const auto& [slot, row] : datapath.policy().tables().rules) {
    slots.emplace(model::RuleId::of(row.number), slot);
  }
  for (const auto& [id, slot] : slots) {
    const model::Rule* rule = state.find(id);
    if (rule == nullptr) continue;
    if (measured.rules.size() == kMostRuleSeries) {
      ++measured.rules_left_out;
      continue;
    }
    measured.rules.push_back(
        {.id = id, .group = state.get(rule->group).name, .flows = sum(TRY(datapath.bpf().rule_hits.get(slot)))});
  }
  return {};
}

}  // namespace

Result<> measure_datapath(const model::State& state, const datapath::Datapath& datapath, Measured& measured) {
  const abi::common common = TRY(datapath.bpf().common.get(0));
  measured.flows = common.flows;
  measured.most_flows = common.most_flows;
  measured.events_lost = common.events_lost;
  TRY_VOID(measure_drops(datapath.bpf(), measured));
  TRY_VOID(measure_tnis(state, datapath, measured));
  return measure_rules(state, datapath, measured);
}

}  // namespace weft::diagnosis
