// Packets as values: headers in, the bytes of a frame out, lengths and checksums
// as they should be unless a field says otherwise. For those who ask a question
// of a network, or test one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "net/address.h"

namespace weft::net {

using Bytes = std::vector<uint8_t>;

inline constexpr uint16_t kEtherIpv4 = 0x0800;
inline constexpr uint16_t kEtherArp = 0x0806;
inline constexpr uint16_t kEtherVlan = 0x8100;
inline constexpr uint16_t kEtherIpv6 = 0x86dd;

Bytes operator+(Bytes first, const Bytes& second);
// In network byte order.
Bytes u8(unsigned value);
Bytes u16(unsigned value);
Bytes u32(uint32_t value);
Bytes zeros(size_t count);

// The Internet checksum (RFC 1071) of these bytes.
uint16_t checksum(const Bytes& bytes);

struct Frame {
  Mac target, source;
  uint16_t type = kEtherIpv4;
};
Bytes frame(const Frame& header, const Bytes& payload);

// Both families; what a field doesn't say follows from the payload.
struct IpHeader {
  Address source, target;
  uint8_t protocol = 0;  // or the next header
  uint8_t ttl = 64;      // or the hop limit
  // IPv4 only.
  uint16_t id = 0;
  uint16_t fragment = 0;  // flags and offset as they are on the wire
  uint8_t version = 0;
  uint8_t header_words = 5;
  std::optional<uint16_t> length = {};  // IPv6: of the payload
};
Bytes ip(const IpHeader& header, const Bytes& payload);

// Transport headers; their checksums need the addresses around them.
struct Ports {
  uint16_t source = 0, target = 0;
};
Bytes udp(const IpHeader& around, Ports ports, const Bytes& payload = {});
Bytes tcp(const IpHeader& around, Ports ports, uint8_t flags, const Bytes& payload = {});
// Everything behind type, code and checksum is payload.
Bytes icmp(const IpHeader& around, uint8_t type, uint8_t code, const Bytes& payload);
// An IPv6 extension header of 8 bytes; the fragment header.
Bytes extension(uint8_t next);
Bytes fragment_header(uint8_t next, uint16_t offset_and_flags, uint32_t id);

struct Arp {
  uint16_t operation = 1;
  Mac sender_mac;
  Address sender;
  Mac target_mac;
  Address target;
};
Bytes arp(const Arp& message);

// A neighbour message (RFC 4861 4.3, 4.4) of this type with one option that
// carries the MAC, or with none.
Bytes neighbour(const IpHeader& around, uint8_t type, uint32_t flags, const Address& target, uint8_t option,
                const Mac& mac);
Bytes neighbour(const IpHeader& around, uint8_t type, uint32_t flags, const Address& target);

}  // namespace weft::net
