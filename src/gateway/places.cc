#include "gateway/places.h"

#include <algorithm>
#include <bit>
#include <set>

#include "bpf/gateway_abi.h"

namespace weft::gateway {

using net::Address;
using net::Family;
using net::Prefix;

namespace {

constexpr uint32_t kChunk = 1 << abi::PORT_CHUNK_BITS;
constexpr uint32_t kMostChunks = 16;  // 1,024 ports

// The chunks of the range that nobody has.
class Chunks {
 public:
  Chunks(const PortRange& all, const PortSet& taken) {
    const uint32_t first = (all.first + kChunk - 1) / kChunk;
    const uint32_t end = (uint32_t{all.last} + 1) / kChunk;
    for (uint32_t chunk = first; chunk < end; ++chunk) {
      if (!taken.overlaps(range_of(chunk, 1))) free_.insert(chunk);
    }
  }

  std::optional<PortRange> take(Need need) {
    const auto quarter = static_cast<uint32_t>(free_.size()) / 4;
    uint32_t count = need == Need::Resolver ? 1 : std::clamp(std::bit_floor(quarter), 1u, kMostChunks);
    for (; count > 0; count /= 2) {
      if (const auto found = take_run(count)) return found;
    }
    return std::nullopt;
  }

 private:
  static PortRange range_of(uint32_t chunk, uint32_t count) {
    return {static_cast<uint16_t>(chunk * kChunk), static_cast<uint16_t>((chunk + count) * kChunk - 1)};
  }
  std::optional<PortRange> take_run(uint32_t count) {
    for (const uint32_t chunk : free_) {
      uint32_t length = 0;
      while (length < count && free_.contains(chunk + length)) ++length;
      if (length < count) continue;
      for (uint32_t i = 0; i < count; ++i) free_.erase(chunk + i);
      return range_of(chunk, count);
    }
    return std::nullopt;
  }
  std::set<uint32_t> free_;
};

std::optional<uint32_t> free_block(const MachineFacts& facts) {
  for (uint32_t block = 0; block < Inside::kBlocks; ++block) {
    const Prefix range = Inside{block}.range(Family::V4);
    if (std::none_of(facts.addresses.begin(), facts.addresses.end(),
                     [&](const Address& address) { return range.contains(address); })) {
      return block;
    }
  }
  return std::nullopt;
}

bool wants_more(const Place& place, Need need) {
  return !place.ports || (need == Need::Internet && place.ports->size() <= kChunk);
}

}  // namespace

// IPv4: part of the range that no router forwards, far from where the clouds have
// their services (169.254.169.0/24). IPv6: a private range (RFC 4193).
Prefix Inside::all(Family family) {
  if (family == Family::V4) return Prefix::of(Address::v4(0xa9fe4000), 18);
  return Prefix::of(Address::v6({0xfd, 0x77, 0x65, 0x66, 0x74, 0x67}), 48);
}
Prefix Inside::range(Family family) const {
  if (family == Family::V4) return Prefix::of(all(family).first().plus(block << 10), 22);
  std::array<uint8_t, 16> bytes = all(family).first().bytes();
  bytes[7] = static_cast<uint8_t>(block);
  return Prefix::of(Address::v6(bytes), 64);
}
Address Inside::machine(Family family) const { return range(family).first().plus(1); }
Address Inside::gateway(Family family, uint32_t slot) const { return range(family).first().plus(8 + slot); }

Places allot(const Places& given, const std::map<model::VpcId, Need>& wanted, const MachineFacts& facts,
             const Options& options) {
  Places places{.block = given.block ? given.block : free_block(facts), .gateways = {}};
  if (!places.block) return places;
  PortSet taken = facts.reserved;
  std::set<uint32_t> slots;
  for (const auto& [vpc, place] : given.gateways) {
    if (!wanted.contains(vpc)) continue;
    places.gateways[vpc] = place;
    slots.insert(place.slot);
    if (place.ports) taken.add(*place.ports);
  }
  Chunks chunks(options.ports, taken);
  for (const auto& [vpc, need] : wanted) {
    if (!places.gateways.contains(vpc)) {
      uint32_t slot = 1;
      while (slots.contains(slot)) ++slot;
      if (slot > Inside::kMostSlots) continue;
      slots.insert(slot);
      places.gateways[vpc].slot = slot;
    }
    Place& place = places.gateways[vpc];
    if (!wants_more(place, need)) continue;
    const auto ports = chunks.take(need);
    if (ports && (!place.ports || ports->size() > place.ports->size())) place.ports = ports;
  }
  return places;
}

}  // namespace weft::gateway
