#include "net/packet.h"

namespace weft::net {

namespace {

constexpr uint8_t kTcp = 6, kUdp = 17, kIcmp6 = 58;

Bytes bytes_of(const Address& address) {
  const std::string_view wire = address.wire();
  return Bytes(wire.begin(), wire.end());
}
Bytes bytes_of(const Mac& mac) { return Bytes(mac.bytes.begin(), mac.bytes.end()); }

void put_checksum(Bytes& bytes, size_t offset, uint16_t sum) {
  bytes[offset] = static_cast<uint8_t>(sum >> 8);
  bytes[offset + 1] = static_cast<uint8_t>(sum);
}

// RFC 9293 3.1, RFC 768, RFC 8200 8.1.
Bytes with_pseudo_header(const IpHeader& around, uint8_t protocol, const Bytes& segment) {
  return bytes_of(around.source) + bytes_of(around.target) + u32(static_cast<uint32_t>(segment.size())) +
         u32(protocol) + segment;
}

}  // namespace

Bytes operator+(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}
Bytes u8(unsigned value) { return {static_cast<uint8_t>(value)}; }
Bytes u16(unsigned value) { return u8(value >> 8) + u8(value); }
Bytes u32(uint32_t value) { return u16(value >> 16) + u16(value); }
Bytes zeros(size_t count) { return Bytes(count, 0); }

uint16_t checksum(const Bytes& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Bytes frame(const Frame& header, const Bytes& payload) {
  return bytes_of(header.target) + bytes_of(header.source) + u16(header.type) + payload;
}

Bytes ip(const IpHeader& header, const Bytes& payload) {
  if (!header.source.is_v4()) {
    const uint16_t length = header.length.value_or(static_cast<uint16_t>(payload.size()));
    const unsigned version = header.version == 0 ? 6 : header.version;
    return u32(version << 28) + u16(length) + u8(header.protocol) + u8(header.ttl) + bytes_of(header.source) +
           bytes_of(header.target) + payload;
  }
  const unsigned version = header.version == 0 ? 4 : header.version;
  const size_t options = header.header_words > 5 ? (header.header_words - 5u) * 4 : 0;
  const uint16_t length = header.length.value_or(static_cast<uint16_t>(20 + options + payload.size()));
  Bytes bytes = u8(version << 4 | header.header_words) + u8(0) + u16(length) + u16(header.id) + u16(header.fragment) +
                u8(header.ttl) + u8(header.protocol) + u16(0) + bytes_of(header.source) + bytes_of(header.target) +
                Bytes(options, 1);
  put_checksum(bytes, 10, checksum(bytes));
  return std::move(bytes) + payload;
}

Bytes udp(const IpHeader& around, Ports ports, const Bytes& payload) {
  Bytes bytes =
      u16(ports.source) + u16(ports.target) + u16(static_cast<unsigned>(8 + payload.size())) + u16(0) + payload;
  put_checksum(bytes, 6, checksum(with_pseudo_header(around, kUdp, bytes)));
  return bytes;
}

Bytes tcp(const IpHeader& around, Ports ports, uint8_t flags, const Bytes& payload) {
  Bytes bytes = u16(ports.source) + u16(ports.target) + u32(1) + u32(0) + u8(5 << 4) + u8(flags) + u16(0xffff) +
                u16(0) + u16(0) + payload;
  put_checksum(bytes, 16, checksum(with_pseudo_header(around, kTcp, bytes)));
  return bytes;
}

Bytes icmp(const IpHeader& around, uint8_t type, uint8_t code, const Bytes& payload) {
  Bytes bytes = u8(type) + u8(code) + u16(0) + payload;
  put_checksum(bytes, 2, checksum(around.source.is_v4() ? bytes : with_pseudo_header(around, kIcmp6, bytes)));
  return bytes;
}

Bytes extension(uint8_t next) { return u8(next) + u8(0) + u8(1) + u8(4) + u32(0); }

Bytes fragment_header(uint8_t next, uint16_t offset_and_flags, uint32_t id) {
  return u8(next) + u8(0) + u16(offset_and_flags) + u32(id);
}

Bytes arp(const Arp& message) {
  return u16(1) + u16(kEtherIpv4) + u8(6) + u8(4) + u16(message.operation) + bytes_of(message.sender_mac) +
         bytes_of(message.sender) + bytes_of(message.target_mac) + bytes_of(message.target);
}

Bytes neighbour(const IpHeader& around, uint8_t type, uint32_t flags, const Address& target, uint8_t option,
                const Mac& mac) {
  return icmp(around, type, 0, u32(flags) + bytes_of(target) + u8(option) + u8(1) + bytes_of(mac));
}
Bytes neighbour(const IpHeader& around, uint8_t type, uint32_t flags, const Address& target) {
  return icmp(around, type, 0, u32(flags) + bytes_of(target));
}

}  // namespace weft::net
