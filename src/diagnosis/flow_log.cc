#include "diagnosis/flow_log.h"

#include <algorithm>
#include <bit>

#include "diagnosis/json_line.h"

namespace weft::diagnosis {

namespace {

uint16_t host_order(abi::be16 value) {
  if constexpr (std::endian::native == std::endian::big) return value;
  return static_cast<uint16_t>(value << 8 | value >> 8);
}

net::Address address_of(const abi::address& address) {
  std::array<uint8_t, 16> bytes;
  std::copy(std::begin(address.bytes), std::end(address.bytes), bytes.begin());
  return net::Address::v6(bytes);
}

model::Reason reason_of(uint8_t number) {
  return number < abi::REASON_COUNT ? static_cast<model::Reason>(number) : model::Reason::Malformed;
}

// As the TNI sees it. One that is gone is taken for the sender.
model::Direction direction_of(const model::State& state, const KeptFlow& kept) {
  using model::Reason;
  if (kept.reason == Reason::IngressDenied || kept.reason == Reason::GatewaySource) return model::Direction::In;
  if (kept.reason == Reason::EgressDenied || kept.tni == 0) return model::Direction::Out;
  const model::Tni* tni = state.find(tni_of_number(kept.tni));
  if (tni == nullptr) return model::Direction::Out;
  const auto addresses = tni->addresses();
  const auto owns = [&](const net::Address& address) {
    return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
  };
  return !owns(kept.source) && owns(kept.target) ? model::Direction::In : model::Direction::Out;
}

std::string reason_text(const KeptFlow& kept) {
  switch (kept.kind) {
    case KeptFlow::Kind::Judged: return std::string(text_of(kept.reason));
    case KeptFlow::Kind::Audit: return "audit";
    case KeptFlow::Kind::Lost: return "lost";
  }
  CHECK(false);
}

KeptFlow lost(base::WallTime time, uint64_t records) {
  return {.time = time, .counters = {.packets = records}, .kind = KeptFlow::Kind::Lost};
}

}  // namespace

model::TniId tni_of_number(uint64_t number) {
  return {std::string(model::TniTag::kPrefix) + "-" + base::hex64(number)};
}

KeptFlow kept_flow(const model::State& state, const datapath::ClockPair& clocks, const abi::event& event) {
  KeptFlow kept{.time = clocks.wall + (base::BootTime{static_cast<int64_t>(event.time)} - clocks.boot),
                .rule = event.rule,
                .tni = event.tni,
                .counters = {.packets = event.packets[0] + event.packets[1], .bytes = event.bytes[0] + event.bytes[1]},
                .source = address_of(event.source),
                .target = address_of(event.target),
                .protocol = event.protocol,
                .kind = event.kind == abi::EVENT_AUDIT ? KeptFlow::Kind::Audit : KeptFlow::Kind::Judged,
                .reason = reason_of(event.reason)};
  // Of ICMP the data path keeps an echo's id there, which is no port.
  if (model::has_ports(event.protocol)) {
    kept.source_port = host_order(event.source_port);
    kept.target_port = host_order(event.target_port);
  }
  kept.direction = direction_of(state, kept);
  return kept;
}

std::string rule_text(const KeptFlow& kept) {
  if (kept.rule == 0) return {};
  const bool of_acl = kept.kind == KeptFlow::Kind::Judged && kept.reason == model::Reason::AclDenied;
  return of_acl ? model::AclRuleId::of(kept.rule).text : model::RuleId::of(kept.rule).text;
}

api::FlowRecord to_record(const KeptFlow& kept) {
  const bool allowed = kept.kind == KeptFlow::Kind::Judged && outcome_of(kept.reason) == model::Outcome::Allow;
  return {.time = kept.time,
          .verdict = allowed ? api::Verdict::Allow : api::Verdict::Drop,
          .reason = reason_text(kept),
          .rule = rule_text(kept),
          .tni = kept.tni == 0 ? model::TniId() : tni_of_number(kept.tni),
          .direction = kept.direction,
          .protocol = kept.protocol,
          .source = kept.source,
          .target = kept.target,
          .source_port = kept.source_port,
          .target_port = kept.target_port,
          .counters = kept.counters};
}

std::string json_line(const api::FlowRecord& record) {
  return to_line({{"time", exact_time(record.time)},
                  {"verdict", record.verdict == api::Verdict::Allow ? "allow" : "drop"},
                  {"reason", record.reason},
                  {"rule", record.rule},
                  {"tni", record.tni.text},
                  {"direction", record.direction == model::Direction::In ? "in" : "out"},
                  {"protocol", model::Traffic{.protocol = record.protocol}.text()},
                  {"source", record.source.text()},
                  {"source_port", record.source_port},
                  {"target", record.target.text()},
                  {"target_port", record.target_port},
                  {"packets", record.counters.packets},
                  {"bytes", record.counters.bytes}});
}

FlowLog::FlowLog(size_t most, std::unique_ptr<Lines> file)
    : ring_(std::make_shared<Ring<KeptFlow>>(most)), file_(std::move(file)) {}

void FlowLog::add(const model::State& state, const datapath::ClockPair& clocks, std::span<const abi::event> events) {
  std::vector<KeptFlow> records;
  records.reserve(events.size());
  for (const abi::event& event : events) records.push_back(kept_flow(state, clocks, event));
  keep(records);
}

void FlowLog::add_lost(base::WallTime now, uint64_t records) {
  if (records > 0) keep({{lost(now, records)}});
}

void FlowLog::keep(const std::vector<KeptFlow>& records) {
  if (records.empty()) return;
  for (const KeptFlow& record : records) ring_->push(record);
  append_to_file(records);
  ring_->wake();
}

void FlowLog::append_to_file(const std::vector<KeptFlow>& records) {
  if (file_ == nullptr) return;
  std::string lines;
  for (const KeptFlow& record : records) lines += json_line(to_record(record));
  const auto appended = file_->append(lines);
  problem_ = appended.ok() ? std::string() : appended.error().what;
}

std::unique_ptr<api::Stream<api::FlowRecord>> FlowLog::read(const api::FlowQuery& query,
                                                            std::vector<KeptFlow> open_flows) const {
  Reading<KeptFlow, api::FlowRecord> reading{
      .from = ring_->begin(),
      .follow = query.follow,
      .show = to_record,
      .show_lost = [ring = ring_](uint64_t records) { return to_record(lost(ring->at(ring->begin()).time, records)); },
      .present = std::move(open_flows)};
  const auto is_before = [&](uint64_t number) { return query.since && ring_->at(number).time < *query.since; };
  while (reading.from < ring_->end() && is_before(reading.from)) ++reading.from;
  return std::make_unique<RingStream<KeptFlow, api::FlowRecord>>(ring_, std::move(reading));
}

}  // namespace weft::diagnosis
