// Packets made by hand, sent in one network namespace and looked for in another.
//
// Each carries a mark behind its headers, so that it is known wherever it turns
// up, whatever was translated on the way:
//
//   59 0 1 4 0 0 0 0    an IPv6 option header that ends the chain; means nothing elsewhere
//   token               8 bytes, of this run
//   protocol 0 port     what it was when it was sent; port big-endian
#pragma once

#include <bitset>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/address.h"
#include "os/fd.h"

namespace weft::packets {

struct Packet {
  uint8_t protocol = 0;
  uint16_t source_port = 0;  // TCP and UDP
  uint16_t target_port = 0;
};

// "-": the namespace that the program was started in; else a name under /run/netns.
Result<os::Fd> netns_named(const std::string& name);

// Sends from a namespace to one address, by the routes that it finds there.
class Sender {
 public:
  static Result<Sender> open(const os::Fd& netns, const net::Address& target, uint64_t token);
  // Returns once the kernel has taken it. TCP: a SYN. ICMP, each in its family: an echo request.
  Result<> send(const Packet& packet);
  Result<> flush();
  const net::Address& source() const { return source_; }

 private:
  Sender(os::Fd socket, const net::Address& source, const net::Address& target, uint64_t token)
      : socket_(std::move(socket)), source_(source), target_(target), token_(token) {}
  std::string make(const Packet& packet) const;
  std::string bytes_of(const Packet& packet);

  static constexpr size_t kAtOnce = 64;  // few enough for any queue on the way
  os::Fd socket_;
  net::Address source_, target_;
  uint64_t token_;
  std::vector<std::string> waiting_;
  std::map<uint8_t, std::string> blanks_;  // packets without ports, by protocol
};

// What one side saw, by protocol.
struct Seen {
  std::bitset<65536> tcp, udp;
  std::bitset<256> other;
  bool none() const { return tcp.none() && udp.none() && other.none(); }
};

// Sees every packet that comes into a namespace by any of its devices.
class Watcher {
 public:
  static Result<Watcher> open(const os::Fd& netns);
  // What has come with the mark, as it was when it was sent.
  Result<> take_marked(uint64_t token, Seen& seen);
  // What has come from the address: TCP and UDP by the port that answers, errors
  // about packets to it under their protocol (ICMP).
  Result<> take_answers(const net::Address& from, Seen& seen);
  // Marked datagrams, one after the other, by their target port.
  Result<std::vector<uint16_t>> take_ports(uint64_t token);

 private:
  explicit Watcher(os::Fd socket) : socket_(std::move(socket)) {}
  // Calls back for each IP packet; TimedOut if some were lost.
  template <class Each>
  Result<> drain(Each each);

  os::Fd socket_;
};

// Packets that the kernel dropped since the machine started because a queue was full.
uint64_t dropped_by_queues();

// "22,80-90", "none"
template <size_t kSize>
std::string ranges(const std::bitset<kSize>& set) {
  std::string text;
  for (size_t first = 0; first < kSize; ++first) {
    if (!set[first]) continue;
    size_t last = first;
    while (last + 1 < kSize && set[last + 1]) ++last;
    if (!text.empty()) text += ",";
    text += std::to_string(first) + (last == first ? "" : "-" + std::to_string(last));
    first = last;
  }
  return text.empty() ? "none" : text;
}

}  // namespace weft::packets
