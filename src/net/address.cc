#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/text.h"

namespace weft::net {

using base::Code;
using base::printable;

Result<Address> Address::parse(std::string_view text) {
  char copy[INET6_ADDRSTRLEN + 1] = {};
  if (text.size() <= INET6_ADDRSTRLEN && text.find('\0') == std::string_view::npos) {
    std::memcpy(copy, text.data(), text.size());
    in_addr four{};
    if (inet_pton(AF_INET, copy, &four) == 1) return v4(ntohl(four.s_addr));
    std::array<uint8_t, 16> six{};
    // A mapped address is refused: the same address would have two spellings.
    if (inet_pton(AF_INET6, copy, six.data()) == 1 && !v6(six).is_v4()) return v6(six);
  }
  return error(Code::Usage, "{} is not an IPv4 or IPv6 address", printable(text));
}

uint32_t Address::v4_host_order() const {
  CHECK(is_v4());
  return uint32_t{bytes_[12]} << 24 | uint32_t{bytes_[13]} << 16 | uint32_t{bytes_[14]} << 8 | bytes_[15];
}

std::string_view Address::wire() const {
  const auto* data = reinterpret_cast<const char*>(bytes_.data());
  return is_v4() ? std::string_view(data + 12, 4) : std::string_view(data, 16);
}

std::string Address::text() const {
  char out[INET6_ADDRSTRLEN];
  CHECK(inet_ntop(is_v4() ? AF_INET : AF_INET6, wire().data(), out, sizeof out) != nullptr);
  return out;
}

Address Address::plus(uint64_t offset) const {
  Address sum = *this;
  for (size_t i = bytes_.size(); i-- > 0 && offset != 0;) {
    offset += sum.bytes_[i];
    sum.bytes_[i] = static_cast<uint8_t>(offset);
    offset >>= 8;
  }
  CHECK(offset == 0 && sum.family() == family());
  return sum;
}

bool Address::is_multicast() const { return is_v4() ? (bytes_[12] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }
bool Address::is_link_local() const {
  return is_v4() ? bytes_[12] == 169 && bytes_[13] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}
bool Address::is_loopback() const { return is_v4() ? bytes_[12] == 127 : *this == Address().plus(1); }
bool Address::is_unspecified() const { return is_v4() ? v4_host_order() == 0 : *this == Address(); }

namespace {

// Sets the bits from `mapped_length` on to `bit`.
Address with_host_bits(const Address& address, unsigned mapped_length, unsigned bit) {
  std::array<uint8_t, 16> bytes = address.bytes();
  for (unsigned i = mapped_length; i < 128; ++i) {
    const auto mask = static_cast<uint8_t>(0x80 >> (i % 8));
    bytes[i / 8] = static_cast<uint8_t>(bit ? bytes[i / 8] | mask : bytes[i / 8] & ~mask);
  }
  return Address::v6(bytes);
}

}  // namespace

Prefix Prefix::of(Address address, unsigned length) {
  Prefix prefix;
  prefix.v4_ = address.is_v4();
  CHECK(length <= (prefix.v4_ ? 32u : 128u));
  prefix.length_ = length;
  prefix.address_ = with_host_bits(address, prefix.mapped_length(), 0);
  return prefix;
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address.ok()) return error(Code::Usage, "{} is not a prefix such as 10.0.0.0/16 or fd00::/64", printable(text));
  if (slash == std::string_view::npos) return host(*address);
  const auto length = base::parse_number(text.substr(slash + 1), 0, address->is_v4() ? 32 : 128);
  if (!length.ok()) return error(Code::Usage, "{} has a bad prefix length", printable(text));
  return of(*address, static_cast<unsigned>(*length));
}

Address Prefix::last() const { return with_host_bits(address_, mapped_length(), 1); }

uint64_t Prefix::size() const {
  const unsigned host_bits = 128 - mapped_length();
  return uint64_t{1} << std::min(host_bits, 63u);
}

bool Prefix::contains(const Address& address) const {
  return address.is_v4() == v4_ && address_ <= address && address <= last();
}

bool Prefix::contains(const Prefix& other) const {
  return v4_ == other.v4_ && length_ <= other.length_ && contains(other.address_);
}

std::string Prefix::text() const { return fmt::format("{}/{}", address_.text(), length_); }

Result<Mac> Mac::parse(std::string_view text) {
  Mac mac;
  const auto parts = base::split(text, ':');
  bool good = parts.size() == 6;
  for (size_t i = 0; good && i < 6; ++i) {
    good = parts[i].size() == 2 && base::is_hex(parts[i]);
    if (good) mac.bytes[i] = static_cast<uint8_t>(std::stoul(std::string(parts[i]), nullptr, 16));
  }
  if (!good) return error(Code::Usage, "{} is not a MAC address such as 02:00:0a:d2:01:07", printable(text));
  return mac;
}

std::string Mac::text() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                     bytes[5]);
}

}  // namespace weft::net
