#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "datapath/datapath.h"
#include "diagnosis/trace.h"
#include "diagnosis/trace_gateway.h"
#include "diagnosis/trace_packet.h"

namespace weft::diagnosis {

using base::Code;
using base::errno_error;
using model::Reason;

namespace {

constexpr uint32_t kLength = 60;        // of the packet, as far as counters are concerned
constexpr int kMostPorts = 64;          // tried until one has no flow yet
constexpr uint16_t kFirstPort = 49152;  // dynamic ports (RFC 6335)
// A packet that resets opens no flow (bpf/judge.h), whatever its protocol: the
// look at the rules leaves nothing behind.
constexpr uint8_t kReset = 0x04;

uint16_t wire_order(uint16_t value) { return __builtin_bswap16(value); }

bool is_icmp(uint8_t protocol) { return protocol == model::kIcmp || protocol == model::kIcmp6; }
bool is_echo(const model::Opening& opening) {
  const int type = opening.selector >> 8;
  return (opening.protocol == model::kIcmp && type == 8) || (opening.protocol == model::kIcmp6 && type == 128);
}

// The key that the data path would make (bpf/flow.h): the lower end first, each
// address compared as two words of the machine's byte order.
abi::flow_key key_of(const abi::packet& packet) {
  const auto words = [](const abi::address& address) {
    std::array<uint64_t, 2> both;
    std::memcpy(both.data(), address.bytes, sizeof both);
    return both;
  };
  const auto source = words(packet.source), target = words(packet.target);
  const bool swapped = target < source || (target == source && packet.target_port < packet.source_port);
  abi::flow_key key{};
  key.vpc = packet.vpc;
  key.a = swapped ? packet.target : packet.source;
  key.b = swapped ? packet.source : packet.target;
  key.a_port = swapped ? packet.target_port : packet.source_port;
  key.b_port = swapped ? packet.source_port : packet.target_port;
  key.protocol = packet.protocol;
  if ((packet.flags & abi::PACKET_ICMP_OTHER) != 0) key.icmp = abi::FLOW_ICMP_OTHER;
  if ((packet.flags & abi::PACKET_ECHO_REQUEST) != 0) {
    key.icmp = swapped ? abi::FLOW_ICMP_B_ASKS : abi::FLOW_ICMP_A_ASKS;
  }
  return key;
}

abi::packet packet_of(const model::Opening& opening, base::BootTime now, uint32_t sender, uint32_t vpc) {
  abi::packet packet{};
  packet.now = static_cast<uint64_t>(now.ns);
  packet.tni = sender;
  packet.vpc = vpc;
  packet.source = datapath::address_of(opening.source);
  packet.target = datapath::address_of(opening.target);
  packet.selector = wire_order(opening.selector);
  packet.protocol = opening.protocol;
  packet.tcp_flags = kReset;
  packet.length = kLength;
  const bool has_ports = opening.protocol == model::kTcp || opening.protocol == model::kUdp;
  if (has_ports) packet.target_port = packet.selector;
  if (is_echo(opening)) packet.flags = abi::PACKET_ECHO_REQUEST;
  if (is_icmp(opening.protocol) && !is_echo(opening)) {
    packet.flags = abi::PACKET_ICMP_OTHER;
    packet.source_port = packet.target_port = packet.selector;
  }
  return packet;
}

// Gives the packet a source port, or an echo's id, that no open flow has. A flow
// that is open would be touched: whether there is one is all that is asked.
Result<bool> stands_alone(const datapath::Bpf& bpf, const model::Opening& opening, abi::packet& packet) {
  const bool has_ports = opening.protocol == model::kTcp || opening.protocol == model::kUdp;
  const auto first = static_cast<uint16_t>(packet.now % 8192);
  for (int i = 0; i < kMostPorts; ++i) {
    const uint16_t port = wire_order(static_cast<uint16_t>(kFirstPort + first + i));
    if (has_ports || is_echo(opening)) packet.source_port = port;
    if (is_echo(opening)) packet.target_port = port;
    if (!TRY(bpf.flows.find(key_of(packet)))) return true;
    if (!has_ports && !is_echo(opening)) return false;
  }
  return false;
}

Result<abi::judgement> run(const datapath::Bpf& bpf, const abi::packet& packet) {
  constexpr size_t kHeader = 14 + 2;  // Ethernet's, and two bytes that align the probe
  std::array<char, kHeader + sizeof(abi::probe)> in{}, out{};
  abi::probe probe{};
  probe.packet = packet;
  std::memcpy(in.data() + kHeader, &probe, sizeof probe);
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = in.data();
  options.data_size_in = in.size();
  options.data_out = out.data();
  options.data_size_out = out.size();
  options.repeat = 1;
  if (bpf_prog_test_run_opts(bpf.judge_probe(), &options) != 0) return errno_error("ask the data path", errno);
  if (options.retval != 0) return error(Code::Failed, "ask the data path: it refused to judge");
  std::memcpy(&probe, out.data() + kHeader, sizeof probe);
  if (probe.judgement.reason >= abi::REASON_COUNT) return error(Code::Failed, "ask the data path: no such reason");
  return probe.judgement;
}

// What the data path's program says of the packet.
Result<Reason> probe(const datapath::Datapath& datapath, base::BootTime now, const model::Opening& opening) {
  const datapath::Bpf& bpf = datapath.bpf();
  uint32_t sender = 0;
  if (!opening.sender.empty()) {
    sender = datapath.slot_of(opening.sender).value_or(0);
    if (sender == 0) return Reason::UnknownDevice;
  }
  const auto vpc = datapath.slot_of(opening.vpc);
  if (!vpc) return error(Code::NotFound, "the data path doesn't know VPC {}", opening.vpc.text);
  abi::packet packet = packet_of(opening, now, sender, *vpc);
  if (!TRY(stands_alone(bpf, opening, packet))) return Reason::Established;
  return static_cast<Reason>(TRY(run(bpf, packet)).reason);
}

// The gateway stands outside the program that was asked.
bool passes_gateway(const model::State& state, const model::Opening& opening) {
  const model::Tni* target = state.holder_of(opening.vpc, opening.target);
  if (opening.sender.empty()) {
    return target == nullptr || enter_by_gateway(state, opening, *target).verdict == api::Verdict::Allow;
  }
  return target != nullptr || leave_by_gateway(state, opening).verdict == api::Verdict::Allow;
}

}  // namespace

Result<> trace_live(const model::State& state, const datapath::Datapath& datapath, base::BootTime now,
                    const api::TraceQuery& query, api::Trace& trace) {
  const TracePacket packet = trace_packet(state, query);
  Reason reason = packet.reason;
  if (packet.impossible.empty()) {
    reason = TRY(probe(datapath, now, packet.opening));
    const bool is_new = reason == Reason::RuleMatch;
    if (is_new && !passes_gateway(state, packet.opening)) reason = Reason::NoRoute;
  }
  const bool allowed = outcome_of(reason) == model::Outcome::Allow;
  trace.live = allowed ? api::Verdict::Allow : api::Verdict::Drop;
  trace.live_reason = std::string(text_of(reason));
  return {};
}

}  // namespace weft::diagnosis
