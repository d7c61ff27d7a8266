#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "datapath/datapath.h"
#include "diagnosis/trace.h"
#include "net/packet.h"
#include "os/netns.h"

namespace weft::diagnosis {

using base::Code;
using base::errno_error;
using model::Reason;
using net::operator+;

namespace {

constexpr int kMostPorts = 64;          // tried until one has no flow yet
constexpr uint16_t kFirstPort = 49152;  // dynamic ports (RFC 6335)
constexpr uint8_t kSyn = 0x02;
constexpr size_t kPayload = 8;  // of what has no transport header that we know

// What of a packet the opening leaves open: the source port, or an echo's id.
struct Probe {
  const model::Opening& opening;
  uint16_t port = 0;
};

uint16_t wire_order(uint16_t value) { return __builtin_bswap16(value); }

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

// As far as the key of its flow goes.
abi::packet packet_of(const Probe& probe, uint32_t vpc) {
  const model::Opening& opening = probe.opening;
  abi::packet packet{};
  packet.vpc = vpc;
  packet.source = datapath::address_of(opening.source);
  packet.target = datapath::address_of(opening.target);
  packet.protocol = opening.protocol;
  const uint16_t selector = wire_order(opening.selector), port = wire_order(probe.port);
  if (model::has_ports(opening.protocol)) {
    packet.source_port = port;
    packet.target_port = selector;
  } else if (is_echo(opening)) {
    packet.flags = abi::PACKET_ECHO_REQUEST;
    packet.source_port = packet.target_port = port;
  } else if (model::is_icmp(opening.protocol)) {
    packet.flags = abi::PACKET_ICMP_OTHER;
    packet.source_port = packet.target_port = selector;
  }
  return packet;
}

// A source port, or an echo's id, that no open flow has; nothing if there is none: a
// flow that is open would be touched.
Result<std::optional<Probe>> find_free(const datapath::Bpf& bpf, const model::Opening& opening, uint32_t vpc) {
  const bool chooses = model::has_ports(opening.protocol) || is_echo(opening);
  for (uint16_t i = 0; i < kMostPorts; ++i) {
    const Probe probe{opening, static_cast<uint16_t>(chooses ? kFirstPort + i : 0)};
    if (!TRY(bpf.flows.find(key_of(packet_of(probe, vpc))))) return std::optional(probe);
    if (!chooses) break;
  }
  return std::optional<Probe>();
}

net::Bytes frame_of(const Probe& probe) {
  const model::Opening& opening = probe.opening;
  const net::IpHeader around{.source = opening.source, .target = opening.target, .protocol = opening.protocol};
  const net::Ports ports{probe.port, opening.selector};
  const auto payload = [&] {
    if (opening.protocol == model::kTcp) return net::tcp(around, ports, kSyn);
    if (opening.protocol == model::kUdp) return net::udp(around, ports);
    if (!model::is_icmp(opening.protocol)) return net::zeros(kPayload);
    return net::icmp(around, static_cast<uint8_t>(opening.selector >> 8), static_cast<uint8_t>(opening.selector),
                     net::u16(probe.port) + net::u16(1));
  };
  return net::frame({.target = {}, .source = {}, .type = opening.source.is_v4() ? net::kEtherIpv4 : net::kEtherIpv6},
                    net::ip(around, payload()));
}

// What the data path's program says of the packet at the device.
Result<Reason> run(const datapath::Datapath& datapath, const net::Bytes& frame, int device) {
  const auto at_home = TRY(os::InsideNetns::enter(datapath.links().own_netns()));
  __sk_buff context{};
  context.ifindex = static_cast<uint32_t>(device);
  net::Bytes out(frame.size() + 256);
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = static_cast<uint32_t>(frame.size());
  options.data_out = out.data();
  options.data_size_out = static_cast<uint32_t>(out.size());
  options.ctx_in = &context;
  options.ctx_size_in = sizeof context;
  options.repeat = 1;
  if (bpf_prog_test_run_opts(datapath.bpf().trace_probe(), &options) != 0)
    return errno_error("ask the data path", errno);
  if (options.retval >= abi::REASON_COUNT) return error(Code::Failed, "ask the data path: no such reason");
  return static_cast<Reason>(options.retval);
}

// The device at which such a packet would come; 0: there is none.
Result<int> device_of(const datapath::Datapath& datapath, const model::Opening& opening) {
  if (opening.sender.empty()) {
    const auto gateway = datapath.gateways().find(opening.vpc);
    return gateway == datapath.gateways().end() ? 0 : gateway->second;
  }
  const auto slot = datapath.slot_of(opening.sender);
  return slot ? static_cast<int>(TRY(datapath.bpf().tnis.get(*slot)).ifindex) : 0;
}

// Nothing: nobody could be asked, and the note says why.
struct Asked {
  std::optional<Reason> reason;
  std::string note;
};

Result<Asked> ask(const datapath::Datapath& datapath, const TracePacket& packet) {
  const model::Opening& opening = packet.opening;
  if (packet.obstacle) return Asked{{}, "the data path was not asked: there can be no such packet"};
  const int device = TRY(device_of(datapath, opening));
  const auto vpc = datapath.slot_of(opening.vpc);
  if (device == 0 || !vpc) return Asked{{}, "the data path was not asked: it has no device from which it could come"};
  const auto probe = TRY(find_free(datapath.bpf(), opening, *vpc));
  if (!probe) return Asked{Reason::Established, "a flow like it is open"};
  return Asked{TRY(run(datapath, frame_of(*probe), device)), {}};
}

bool is_beyond(const Traced& traced, const model::State& state) {
  const model::Opening& opening = traced.packet.opening;
  return opening.sender.empty() || state.holder_of(opening.vpc, opening.target) == nullptr;
}

}  // namespace

Result<api::Trace> trace_live(const model::State& state, const datapath::Datapath& datapath, base::WallTime now,
                              const Surroundings& around, const api::TraceQuery& query) {
  Traced traced = TRY(trace_query(state, now, around, query));
  api::Trace& trace = traced.trace;
  const Asked asked = TRY(ask(datapath, traced.packet));
  trace.live_note = asked.note;
  if (!asked.reason) return std::move(trace);
  const bool allowed = outcome_of(*asked.reason) == model::Outcome::Allow;
  trace.live = allowed ? api::Verdict::Allow : api::Verdict::Drop;
  trace.live_reason = std::string(text_of(*asked.reason));
  if (*asked.reason == Reason::Established) return std::move(trace);
  if (*asked.reason != traced.judged) {
    trace.live_match = api::Trace::Match::Other;
    trace.live_note = fmt::format("the trace and the data path disagree: the data path says {}, the trace expected {}",
                                  text_of(*asked.reason), text_of(traced.judged));
  } else if (allowed && is_beyond(traced, state)) {
    trace.live_note = "only the data path was asked; what the gateway does with it is what the trace says";
  }
  return std::move(trace);
}

}  // namespace weft::diagnosis
