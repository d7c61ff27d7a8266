// Metrics in the Prometheus text format, version 0.0.4. The number of series is
// bounded; weft_series_left_out counts the objects that have none of their own.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/backend.h"
#include "diagnosis/status.h"
#include "model/verdict.h"

namespace weft::datapath {
class Datapath;
}

namespace weft::diagnosis {

inline constexpr size_t kMostTniSeries = model::kMostTnisPerMachine;
inline constexpr size_t kMostRuleSeries = 2'000;

struct TniSample {
  model::TniId id;
  std::string name, vpc;  // names
  api::TniCounters counters;
};
struct RuleSample {
  model::RuleId id;
  std::string group;   // name
  uint64_t flows = 0;  // that it let in or out
};

struct Measured {
  std::string version;
  uint64_t revision = 0;
  enum class Store { Writable, ReadOnly } store = Store::Writable;
  std::map<std::string, uint64_t> objects;  // by kind, "tni"
  std::map<api::RunState, uint64_t> workloads;
  uint64_t problems = 0;
  uint64_t flows = 0, most_flows = 0, events_lost = 0;
  std::map<model::Reason, uint64_t> drops;  // packets
  std::vector<uint64_t> border_drops;       // packets, by enum border_reason; empty: nobody counts them
  std::vector<TniSample> tnis;
  std::vector<RuleSample> rules;
  uint64_t tnis_left_out = 0, rules_left_out = 0;
};

// Counts what is in the state; the caller adds the rest of the fields.
Measured measure_state(const model::State& state, const StatusOf& status);
// Reads the data path's counters into `measured`.
Result<> measure_datapath(const model::State& state, const datapath::Datapath& datapath, Measured& measured);

std::string to_prometheus(const Measured& measured);

}  // namespace weft::diagnosis
