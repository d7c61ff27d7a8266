// For tests: random objects, each field of which has any of its values.
#pragma once

#include <algorithm>
#include <array>

#include "model/state.h"

namespace weft::schema {

class Randomizer {
 public:
  explicit Randomizer(base::Rng& rng) : rng_(rng) {}
  template <class T>
  void operator()(const char*, T& value) {
    fill(value);
  }

  void fill(std::string& text) {
    static constexpr std::array kTexts = {"", "web", "a \"quoted\" \\ text", "ünï", "no", "1e3", "- x: y", "\t"};
    text = kTexts[rng_.below(kTexts.size())];
  }
  void fill(net::Address& address) {
    std::array<uint8_t, 16> bytes;
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng_.next());
    address = rng_.one_in(2) ? net::Address::v4(static_cast<uint32_t>(rng_.next())) : net::Address::v6(bytes);
  }
  void fill(net::Prefix& prefix) {
    net::Address address;
    fill(address);
    prefix = net::Prefix::of(address, static_cast<unsigned>(rng_.below(address.is_v4() ? 33 : 129)));
  }
  void fill(net::Mac& mac) {
    for (uint8_t& byte : mac.bytes) byte = static_cast<uint8_t>(rng_.next());
  }
  void fill(model::Traffic& traffic) {
    static constexpr std::array kTexts = {"all", "tcp:80", "udp:8000-8100", "icmp:8", "icmpv6:1/4", "47", "tcp", "58"};
    traffic = *model::Traffic::parse(kTexts[rng_.below(kTexts.size())]);
  }
  void fill(model::Peer& peer) {
    switch (rng_.below(3)) {
      case 0: peer = model::GroupId::make(rng_); break;
      case 1: peer = model::PrefixListId::make(rng_); break;
      default: fill(peer.emplace<net::Prefix>()); break;
    }
  }
  void fill(base::WallTime& time) { time.ns = static_cast<int64_t>(rng_.below(7'000'000'000'000'000'000)); }
  template <class Tag>
  void fill(base::Id<Tag>& id) {
    id = base::Id<Tag>::make(rng_);
  }
  template <class T>
  void fill(std::optional<T>& value) {
    if (rng_.one_in(2)) fill(value.emplace());
  }
  template <class T>
  void fill(std::vector<T>& values) {
    values.resize(rng_.below(4));
    for (T& value : values) fill(value);
  }
  template <class T>
  void fill(T& value) {
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(rng_.below(2));
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(rng_.next());
    } else {
      fields(*this, value);
    }
  }

 private:
  base::Rng& rng_;
};

template <class T>
T any(base::Rng& rng) {
  T object;
  fields(Randomizer(rng), object);
  return object;
}

inline model::Object any_object(base::Rng& rng) {
  switch (rng.below(9)) {
    case 0: return any<model::Machine>(rng);
    case 1: return any<model::Vpc>(rng);
    case 2: return any<model::Subnet>(rng);
    case 3: return any<model::Block>(rng);
    case 4: return any<model::Group>(rng);
    case 5: return any<model::Rule>(rng);
    case 6: return any<model::PrefixList>(rng);
    case 7: return any<model::Tni>(rng);
    default: return any<model::Workload>(rng);
  }
}

}  // namespace weft::schema
