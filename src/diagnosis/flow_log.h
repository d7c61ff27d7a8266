// FlowLog: what the data path reported of packets and flows: drops, cut flows,
// flows that ended, what an audited rule would have allowed.
//
// The newest records are kept in memory; a file, if there is one, gets them all.
// Two reasons are the log's own: "audit" (an audited rule would have allowed the
// packet that was denied) and "lost" (so many records, told in `packets`, never
// came or were gone before the reader got to them).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/backend.h"
#include "bpf/abi.h"
#include "datapath/policy_write_linux.h"
#include "diagnosis/lines.h"
#include "diagnosis/ring.h"
#include "model/verdict.h"

namespace weft::diagnosis {

// 6 MB when it is full: half a minute of the most that the data path reports.
inline constexpr size_t kMostFlowRecords = 65'536;
// Open flows that one reader is shown.
inline constexpr size_t kMostOpenFlows = 65'536;

// A record as the log keeps it: a third of api::FlowRecord, and nothing allocated.
struct KeptFlow {
  base::WallTime time;
  uint64_t rule = 0;  // the number in the id; 0: none
  uint64_t tni = 0;
  api::Counters counters;
  net::Address source, target;
  uint16_t source_port = 0, target_port = 0;
  uint8_t protocol = 0;
  enum class Kind : uint8_t { Judged, Audit, Lost } kind = Kind::Judged;
  model::Reason reason = model::Reason::None;
  model::Direction direction = model::Direction::In;
};

class FlowLog {
 public:
  explicit FlowLog(size_t most = kMostFlowRecords, std::unique_ptr<Lines> file = nullptr);

  // What datapath::Events::drain() brought. Wakes the readers once.
  void add(const model::State& state, const datapath::ClockPair& clocks, std::span<const abi::event> events);
  // `records` more were lost on their way here (abi::common::events_lost grew).
  void add_lost(base::WallTime now, uint64_t records);

  // From `query.since`, or from the oldest that is held. `open_flows` come after
  // what had happened so far.
  std::unique_ptr<api::Stream<api::FlowRecord>> read(const api::FlowQuery& query,
                                                     std::vector<KeptFlow> open_flows = {}) const;

  // Why the file lacks records; empty: it doesn't, or there is none.
  const std::string& problem() const { return problem_; }

 private:
  void keep(const std::vector<KeptFlow>& records);
  void append_to_file(const std::vector<KeptFlow>& records);

  std::shared_ptr<Ring<KeptFlow>> ring_;
  std::unique_ptr<Lines> file_;
  std::string problem_;
};

// The id of a TNI that may be gone.
model::TniId tni_of_number(uint64_t number);

// Pure: one event, as it is kept. The TNI may be gone from the state.
KeptFlow kept_flow(const model::State& state, const datapath::ClockPair& clocks, const abi::event& event);
api::FlowRecord to_record(const KeptFlow& kept);
std::string json_line(const api::FlowRecord& record);

// Flows that are open now, as they stand in the data path's table, the earliest
// first: reason "rule", or "resolver". More than `most` are left out.
Result<std::vector<KeptFlow>> open_flows(const model::State& state, const datapath::Bpf& bpf,
                                         const datapath::ClockPair& clocks, size_t most = kMostOpenFlows);

}  // namespace weft::diagnosis
