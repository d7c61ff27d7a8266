#include "packets.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "os/netns.h"

namespace weft::packets {

using net::Address;
using net::Family;

namespace {

constexpr char kHarmless[] = {59, 0, 1, 4, 0, 0, 0, 0};
constexpr size_t kMarkSize = sizeof kHarmless + 8 + 4;
constexpr size_t kMostBytes = 2048;
constexpr int kQueueBytes = 64 << 20;
constexpr uint8_t kIcmp = 1, kIcmp6 = 58;

void put8(std::string& out, uint8_t value) { out.push_back(static_cast<char>(value)); }
void put16(std::string& out, uint16_t value) {
  put8(out, static_cast<uint8_t>(value >> 8));
  put8(out, static_cast<uint8_t>(value));
}
void put32(std::string& out, uint32_t value) {
  put16(out, static_cast<uint16_t>(value >> 16));
  put16(out, static_cast<uint16_t>(value));
}
uint8_t get8(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }
uint16_t get16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(get8(bytes, at) << 8 | get8(bytes, at + 1));
}

std::string mark(uint64_t token, const Packet& packet) {
  std::string out(kHarmless, sizeof kHarmless);
  put32(out, static_cast<uint32_t>(token >> 32));
  put32(out, static_cast<uint32_t>(token));
  put8(out, packet.protocol);
  put8(out, 0);
  put16(out, packet.target_port);
  return out;
}

// RFC 1071, over what is summed for every protocol (RFC 9293 3.1, RFC 8200 8.1).
uint16_t checksum(const Address& source, const Address& target, uint8_t protocol, std::string_view payload) {
  std::string all;
  if (protocol != kIcmp) {
    all.append(source.wire()).append(target.wire());
    put32(all, static_cast<uint32_t>(payload.size()));
    put32(all, protocol);
  }
  all.append(payload);
  if (all.size() % 2 != 0) all.push_back(0);
  uint32_t sum = 0;
  for (size_t at = 0; at < all.size(); at += 2) sum += get16(all, at);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

sockaddr_storage socket_address(const Address& address, socklen_t& size) {
  sockaddr_storage out{};
  const auto wire = address.wire();
  if (address.is_v4()) {
    auto& to = reinterpret_cast<sockaddr_in&>(out);
    to.sin_family = AF_INET;
    memcpy(&to.sin_addr, wire.data(), wire.size());
    size = sizeof to;
  } else {
    auto& to = reinterpret_cast<sockaddr_in6&>(out);
    to.sin6_family = AF_INET6;
    memcpy(&to.sin6_addr, wire.data(), wire.size());
    size = sizeof to;
  }
  return out;
}

// The address that the kernel would send from.
Result<Address> source_towards(const Address& target) {
  socklen_t size = 0;
  sockaddr_storage address = socket_address(target, size);
  const os::Fd socket(::socket(target.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  reinterpret_cast<sockaddr_in&>(address).sin_port = htons(9);  // at the same place in both
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) {
    return base::errno_error("find a route to " + target.text(), errno);
  }
  size = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  char text[INET6_ADDRSTRLEN] = {};
  const void* bytes = target.is_v4() ? static_cast<const void*>(&reinterpret_cast<sockaddr_in&>(address).sin_addr)
                                     : &reinterpret_cast<sockaddr_in6&>(address).sin6_addr;
  inet_ntop(target.is_v4() ? AF_INET : AF_INET6, bytes, text, sizeof text);
  return Address::parse(text);
}

struct Header {
  Address source, target;
  uint8_t protocol = 0;
  std::string_view payload;
};

// Of a whole packet; IPv6 without extension headers. Nothing: it is none.
std::optional<Header> parse_header(std::string_view bytes) {
  if (bytes.size() >= 20 && get8(bytes, 0) >> 4 == 4) {
    const size_t size = (get8(bytes, 0) & 15u) * 4;
    const size_t total = get16(bytes, 2);
    if (size < 20 || total < size || total > bytes.size()) return std::nullopt;
    const auto address = [&](size_t at) {
      return Address::v4(static_cast<uint32_t>(get16(bytes, at)) << 16 | get16(bytes, at + 2));
    };
    return Header{address(12), address(16), get8(bytes, 9), bytes.substr(size, total - size)};
  }
  if (bytes.size() < 40 || get8(bytes, 0) >> 4 != 6 || 40u + get16(bytes, 4) > bytes.size()) return std::nullopt;
  const auto address = [&](size_t at) {
    std::array<uint8_t, 16> wire{};
    memcpy(wire.data(), bytes.data() + at, 16);
    return Address::v6(wire);
  };
  return Header{address(8), address(24), get8(bytes, 6), bytes.substr(40, get16(bytes, 4))};
}

std::optional<Packet> find_mark(std::string_view bytes, uint64_t token) {
  const size_t at = bytes.rfind(mark(token, {}).substr(0, kMarkSize - 4));
  if (at == std::string_view::npos || at + kMarkSize > bytes.size()) return std::nullopt;
  return Packet{.protocol = get8(bytes, at + kMarkSize - 4), .target_port = get16(bytes, at + kMarkSize - 2)};
}

}  // namespace

Result<os::Fd> netns_named(const std::string& name) { return name == "-" ? os::current_netns() : os::open_netns(name); }

Result<Sender> Sender::open(const os::Fd& netns, const Address& target, uint64_t token) {
  return os::inside_netns(netns, [&]() -> Result<Sender> {
    const Address source = TRY(source_towards(target));
    os::Fd socket(::socket(target.is_v4() ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    if (!socket.valid()) return base::errno_error("make a raw socket", errno);
    return Sender(std::move(socket), source, target, token);
  });
}

std::string Sender::make(const Packet& packet) const {
  std::string payload;
  size_t sum_at = 0;
  const uint8_t echo = target_.is_v4() ? kIcmp : kIcmp6;
  if (packet.protocol == IPPROTO_TCP) {
    put16(payload, packet.source_port);
    put16(payload, packet.target_port);
    payload.append({0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0x40, 0, 0, 0, 0, 0});  // a SYN
    sum_at = 16;
  } else if (packet.protocol == IPPROTO_UDP) {
    put16(payload, packet.source_port);
    put16(payload, packet.target_port);
    put16(payload, 8 + kMarkSize);
    put16(payload, 0);
    sum_at = 6;
  } else if (packet.protocol == echo) {
    payload.append({static_cast<char>(target_.is_v4() ? 8 : 128), 0, 0, 0, 0, 1, 0, 1});
    sum_at = 2;
  }
  payload += mark(token_, packet);
  if (sum_at != 0) {
    uint16_t sum = checksum(source_, target_, packet.protocol, payload);
    if (sum == 0 && packet.protocol == IPPROTO_UDP) sum = 0xffff;
    payload[sum_at] = static_cast<char>(sum >> 8);
    payload[sum_at + 1] = static_cast<char>(sum);
  }
  std::string head;
  if (target_.is_v4()) {
    put16(head, 0x4500);
    put16(head, static_cast<uint16_t>(20 + payload.size()));
    put32(head, 0x4000);  // don't fragment; the kernel fills in id and checksum
    put8(head, 64);
    put8(head, packet.protocol);
    put16(head, 0);
  } else {
    put32(head, 0x60000000);
    put16(head, static_cast<uint16_t>(payload.size()));
    put8(head, packet.protocol);
    put8(head, 64);
  }
  return head.append(source_.wire()).append(target_.wire()) + payload;
}

// Of many that differ in their ports only, all but the first are copies: the ports
// are put in, and the checksum follows (RFC 1624).
std::string Sender::bytes_of(const Packet& packet) {
  const bool is_tcp = packet.protocol == IPPROTO_TCP;
  if (!is_tcp && packet.protocol != IPPROTO_UDP) return make(packet);
  std::string& blank = blanks_[packet.protocol];
  if (blank.empty()) blank = make({.protocol = packet.protocol});
  std::string bytes = blank;
  const size_t head = target_.is_v4() ? 20 : 40, sum_at = head + (is_tcp ? 16 : 6);
  const auto put = [&](size_t at, uint32_t value) {
    bytes[at] = static_cast<char>(value >> 8);
    bytes[at + 1] = static_cast<char>(value);
  };
  put(head, packet.source_port);
  put(head + 2, packet.target_port);
  put(bytes.size() - 2, packet.target_port);
  uint32_t sum = static_cast<uint16_t>(~get16(bytes, sum_at)) + packet.source_port + 2u * packet.target_port;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  sum = ~sum & 0xffff;
  put(sum_at, sum == 0 && !is_tcp ? 0xffff : sum);
  return bytes;
}

Result<> Sender::send(const Packet& packet) {
  waiting_.push_back(bytes_of(packet));
  return waiting_.size() < kAtOnce ? Result<>() : flush();
}

Result<> Sender::flush() {
  socklen_t size = 0;
  sockaddr_storage to = socket_address(target_, size);
  std::vector<iovec> pieces;
  for (std::string& bytes : waiting_) pieces.push_back({bytes.data(), bytes.size()});
  std::vector<mmsghdr> messages;
  for (iovec& piece : pieces) {
    messages.push_back({.msg_hdr = {.msg_name = &to, .msg_namelen = size, .msg_iov = &piece, .msg_iovlen = 1}});
  }
  for (size_t sent = 0; sent < messages.size();) {
    const int now = ::sendmmsg(socket_.get(), &messages[sent], static_cast<unsigned>(messages.size() - sent), 0);
    if (now > 0) {
      sent += static_cast<size_t>(now);
    } else if (errno == ENOBUFS || errno == EAGAIN) {
      ::poll(nullptr, 0, 1);
    } else if (errno != EINTR) {
      return base::errno_error("send to " + target_.text(), errno);
    }
  }
  waiting_.clear();
  return {};
}

Result<Watcher> Watcher::open(const os::Fd& netns) {
  return os::inside_netns(netns, []() -> Result<Watcher> {
    os::Fd socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    if (!socket.valid()) return base::errno_error("watch a network namespace", errno);
    const int yes = 1;
    if (::setsockopt(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0 ||
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kQueueBytes, sizeof kQueueBytes) != 0) {
      return base::errno_error("watch a network namespace", errno);
    }
    return Watcher(std::move(socket));
  });
}

template <class Each>
Result<> Watcher::drain(Each each) {
  char bytes[kMostBytes];
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), bytes, sizeof bytes, MSG_TRUNC);
    if (size < 0 && errno == EAGAIN) break;
    // A device of the namespace went away.
    if (size < 0 && (errno == ENETDOWN || errno == EINTR)) continue;
    if (size < 0) return base::errno_error("watch a network namespace", errno);
    const std::string_view taken(bytes, std::min(static_cast<size_t>(size), sizeof bytes));
    if (const auto header = parse_header(taken)) each(*header);
  }
  tpacket_stats lost{};
  socklen_t size = sizeof lost;
  ::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &lost, &size);
  if (lost.tp_drops != 0) return error(base::Code::TimedOut, "the watcher missed {} packets", lost.tp_drops);
  return {};
}

Result<> Watcher::take_marked(uint64_t token, Seen& seen) {
  return drain([&](const Header& header) {
    // An error about a marked packet quotes it, and is an answer.
    if (header.protocol == kIcmp || header.protocol == kIcmp6) {
      const uint8_t type = header.payload.empty() ? 0 : get8(header.payload, 0);
      if (type == 3 || (header.protocol == kIcmp6 && type < 128)) return;
    }
    const auto packet = find_mark(header.payload, token);
    if (!packet) return;
    if (packet->protocol == IPPROTO_TCP) seen.tcp.set(packet->target_port);
    if (packet->protocol == IPPROTO_UDP) seen.udp.set(packet->target_port);
    if (packet->protocol != IPPROTO_TCP && packet->protocol != IPPROTO_UDP) seen.other.set(packet->protocol);
  });
}

Result<> Watcher::take_answers(const Address& from, Seen& seen) {
  return drain([&](const Header& header) {
    const bool is_icmp = header.protocol == (from.is_v4() ? kIcmp : kIcmp6);
    // Behind eight bytes an error has the packet that it is about.
    const auto about = is_icmp && header.payload.size() > 8 ? parse_header(header.payload.substr(8)) : std::nullopt;
    if (header.source != from && !(about && about->target == from)) return;
    // Neighbour discovery isn't about the address, but about the way there.
    if (!from.is_v4() && is_icmp && get8(header.payload, 0) >= 133 && get8(header.payload, 0) <= 137) return;
    const bool has_ports = header.payload.size() >= 4;
    if (header.protocol == IPPROTO_TCP && has_ports) {
      seen.tcp.set(get16(header.payload, 0));
    } else if (header.protocol == IPPROTO_UDP && has_ports) {
      seen.udp.set(get16(header.payload, 0));
    } else {
      seen.other.set(header.protocol);
    }
  });
}

Result<std::vector<uint16_t>> Watcher::take_ports(uint64_t token) {
  std::vector<uint16_t> ports;
  TRY_VOID(drain([&](const Header& header) {
    if (header.protocol != IPPROTO_UDP) return;
    if (const auto packet = find_mark(header.payload, token)) ports.push_back(packet->target_port);
  }));
  return ports;
}

uint64_t dropped_by_queues() {
  std::ifstream file("/proc/net/softnet_stat");
  uint64_t all = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    uint64_t processed = 0, dropped = 0;
    words >> std::hex >> processed >> dropped;
    all += dropped;
  }
  return all;
}

}  // namespace weft::packets
