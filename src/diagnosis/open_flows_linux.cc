#include <bpf/bpf.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "diagnosis/flow_log.h"

namespace weft::diagnosis {

namespace {

constexpr uint32_t kBatch = 4096;

struct Entry {
  abi::flow_key key;
  abi::flow flow;
};

// By batches, since the table changes while it is read: a walk from key to key
// begins anew whenever the key that it stands on goes.
Result<std::vector<Entry>> read_table(const datapath::Bpf& bpf, base::BootTime now, size_t most) {
  std::vector<Entry> entries;
  std::vector<abi::flow_key> keys(kBatch);
  std::vector<abi::flow> flows(kBatch);
  uint32_t place = 0;
  const void* from = nullptr;
  while (entries.size() < most) {
    uint32_t count = kBatch;
    const int fault = bpf_map_lookup_batch(bpf.flows.fd(), const_cast<void*>(from), &place, keys.data(), flows.data(),
                                           &count, nullptr);
    if (fault != 0 && errno != ENOENT) return base::errno_error("read the flow table", errno);
    for (uint32_t i = 0; i < count && entries.size() < most; ++i) {
      const bool open = flows[i].expires > static_cast<uint64_t>(now.ns) && (flows[i].flags & abi::FLOW_CUT) == 0;
      if (open) entries.push_back({keys[i], flows[i]});
    }
    if (fault != 0) break;  // that was the end
    from = &place;
  }
  return entries;
}

// Numbers of TNIs by their slots, each looked up once.
class Numbers {
 public:
  explicit Numbers(const datapath::Bpf& bpf) : bpf_(bpf) {}
  uint64_t of_tni(uint32_t slot) {
    const auto [at, is_new] = known_.try_emplace(slot, 0);
    if (is_new && slot != 0) {
      if (const auto row = bpf_.tnis.get(slot); row.ok()) at->second = row->id;
    }
    return at->second;
  }

 private:
  const datapath::Bpf& bpf_;
  std::map<uint32_t, uint64_t> known_;
};

// The record that the data path would write if it ended now.
abi::event event_of(const Entry& entry, Numbers& numbers) {
  const auto& [key, flow] = entry;
  const bool from_b = flow.initiator != 0;
  const abi::flow_end& opener = flow.end[from_b ? 1 : 0];
  const abi::flow_end& other = flow.end[from_b ? 0 : 1];
  abi::event event{};
  event.time = event.started = flow.started;
  event.rule = flow.rule;
  event.tni = numbers.of_tni(flow.owner);
  event.packets[0] = opener.packets;
  event.packets[1] = other.packets;
  event.bytes[0] = opener.bytes;
  event.bytes[1] = other.bytes;
  event.source = from_b ? key.b : key.a;
  event.target = from_b ? key.a : key.b;
  event.source_port = from_b ? key.b_port : key.a_port;
  event.target_port = from_b ? key.a_port : key.b_port;
  event.protocol = key.protocol;
  event.kind = abi::EVENT_FLOW_END;
  event.reason = (flow.flags & abi::FLOW_EXEMPT) != 0 ? abi::REASON_Resolver : abi::REASON_RuleMatch;
  return event;
}

}  // namespace

Result<std::vector<KeptFlow>> open_flows(const model::State& state, const datapath::Bpf& bpf,
                                         const datapath::ClockPair& clocks, size_t most) {
  Numbers numbers(bpf);
  std::vector<KeptFlow> records;
  for (const Entry& entry : TRY(read_table(bpf, clocks.boot, most))) {
    records.push_back(kept_flow(state, clocks, event_of(entry, numbers)));
  }
  std::stable_sort(records.begin(), records.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  return records;
}

}  // namespace weft::diagnosis
