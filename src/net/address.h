// Addresses as values. An Address is IPv4 or IPv6; both live in 16 bytes, IPv4
// in its mapped form (::ffff:a.b.c.d, RFC 4291 2.5.5.2), so that one table and
// one comparison serve both families.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weft::net {

enum class Family { V4, V6 };

class Address {
 public:
  constexpr Address() = default;  // ::
  static constexpr Address v4(uint32_t host_order) {
    Address a;
    a.bytes_[10] = a.bytes_[11] = 0xff;
    for (size_t i = 0; i < 4; ++i) a.bytes_[12 + i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
    return a;
  }
  static constexpr Address v6(const std::array<uint8_t, 16>& bytes) {
    Address a;
    a.bytes_ = bytes;
    return a;
  }
  // "10.0.1.7", "fd00::1". No zone, no port, no leading zeros in IPv4.
  static Result<Address> parse(std::string_view text);

  constexpr Family family() const {
    for (size_t i = 0; i < 10; ++i) {
      if (bytes_[i] != 0) return Family::V6;
    }
    return bytes_[10] == 0xff && bytes_[11] == 0xff ? Family::V4 : Family::V6;
  }
  constexpr bool is_v4() const { return family() == Family::V4; }
  uint32_t v4_host_order() const;  // CHECKs is_v4()
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  // The address as the wire has it: 4 or 16 bytes.
  std::string_view wire() const;
  std::string text() const;  // RFC 5952 for IPv6

  // The address `offset` places further on; CHECKs that it doesn't wrap.
  Address plus(uint64_t offset) const;

  bool is_multicast() const;
  bool is_link_local() const;
  bool is_loopback() const;
  bool is_unspecified() const;

  constexpr auto operator<=>(const Address&) const = default;

 private:
  std::array<uint8_t, 16> bytes_{};
};

// A range of addresses, always canonical: host bits are zero.
class Prefix {
 public:
  Prefix() = default;
  // Clears the host bits: (100.68.0.18, 18) is 100.68.0.0/18.
  static Prefix of(Address address, unsigned length);
  static Prefix host(Address address) { return of(address, address.is_v4() ? 32 : 128); }
  static Prefix any(Family family) { return of(family == Family::V4 ? Address::v4(0) : Address(), 0); }
  // "10.0.0.0/16", "fd00::/64"; a bare address is a host prefix. Host bits are cleared.
  static Result<Prefix> parse(std::string_view text);

  Family family() const { return v4_ ? Family::V4 : Family::V6; }
  Address first() const { return address_; }
  Address last() const;
  unsigned length() const { return length_; }                              // 0..32 or 0..128
  unsigned mapped_length() const { return v4_ ? length_ + 96 : length_; }  // over the 16 bytes
  // Number of addresses, saturated at 2^63.
  uint64_t size() const;
  bool contains(const Address& address) const;
  bool contains(const Prefix& other) const;
  bool overlaps(const Prefix& other) const { return contains(other) || other.contains(*this); }
  std::string text() const;

  auto operator<=>(const Prefix&) const = default;

 private:
  Address address_;
  unsigned length_ = 0;
  bool v4_ = false;
};

struct Mac {
  std::array<uint8_t, 6> bytes{};

  static Result<Mac> parse(std::string_view text);
  std::string text() const;
  auto operator<=>(const Mac&) const = default;
};

}  // namespace weft::net
