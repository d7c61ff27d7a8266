// Building and reading of netlink messages, for the files that know a family.
//
//   message := nlmsghdr header attribute*
//   attribute := u16 length, u16 type, payload, padding to 4 bytes
#pragma once

#include <libmnl/libmnl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "net/address.h"
#include "os/netlink.h"

namespace weft::os {

class Message {
 public:
  Message(uint16_t type, uint16_t flags) : head_(mnl_nlmsg_put_header(buffer_.data())) {
    head_->nlmsg_type = type;
    head_->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  // The family's fixed part, zeroed; also inside a nest whose payload begins with one.
  template <class Header>
  Header& header() {
    CHECK(head_->nlmsg_len + sizeof(Header) <= buffer_.size());
    return *static_cast<Header*>(mnl_nlmsg_put_extra_header(head_, sizeof(Header)));
  }
  void put_bytes(uint16_t type, std::string_view bytes) {
    CHECK(mnl_attr_put_check(head_, buffer_.size(), type, bytes.size(), bytes.data()));
  }
  void put_u8(uint16_t type, uint8_t value) { put_value(type, value); }
  void put_u16(uint16_t type, uint16_t value) { put_value(type, value); }
  void put_u32(uint16_t type, uint32_t value) { put_value(type, value); }
  void put_text(uint16_t type, const std::string& text) { put_bytes(type, {text.c_str(), text.size() + 1}); }
  void put_address(uint16_t type, const net::Address& address) { put_bytes(type, address.wire()); }
  void put_mac(uint16_t type, const net::Mac& mac) { put_value(type, mac.bytes); }
  template <class Fill>
  void nest(uint16_t type, Fill&& fill) {
    nlattr* start = mnl_attr_nest_start_check(head_, buffer_.size(), type);
    CHECK(start != nullptr);
    fill();
    mnl_attr_nest_end(head_, start);
  }
  Request request(std::string what, std::array<int, 3> done = {}) const {
    return {.message = std::string(buffer_.data(), head_->nlmsg_len), .what = std::move(what), .done = done};
  }

 private:
  template <class Value>
  void put_value(uint16_t type, const Value& value) {
    put_bytes(type, {reinterpret_cast<const char*>(&value), sizeof value});
  }
  // Names, aliases and addresses only: far less. More is our own mistake.
  alignas(nlmsghdr) std::array<char, 2048> buffer_;
  nlmsghdr* head_;
};

// The attributes of a message or a nest, by type. The last of a type counts;
// types that this table has no room for are newer than what we ask.
class Attributes {
 public:
  explicit Attributes(std::string_view attributes) {
    while (attributes.size() >= sizeof(nlattr)) {
      nlattr head;
      std::memcpy(&head, attributes.data(), sizeof head);
      if (head.nla_len < sizeof head || head.nla_len > attributes.size()) return;
      const size_t type = head.nla_type & NLA_TYPE_MASK;
      if (type < payloads_.size()) payloads_[type] = attributes.substr(sizeof head, head.nla_len - sizeof head);
      attributes.remove_prefix(std::min<size_t>(MNL_ALIGN(head.nla_len), attributes.size()));
    }
  }
  template <class Header>
  static Attributes after(const nlmsghdr& message) {
    const std::string_view all(reinterpret_cast<const char*>(&message), message.nlmsg_len);
    return Attributes(all.substr(std::min<size_t>(all.size(), MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(Header)))));
  }

  bool has(size_t type) const { return payloads_[type].data() != nullptr; }
  std::string_view bytes(size_t type) const { return payloads_[type]; }
  std::optional<uint8_t> u8(size_t type) const { return value<uint8_t>(type); }
  std::optional<uint32_t> u32(size_t type) const { return value<uint32_t>(type); }
  // Up to the NUL; empty if absent.
  std::string text(size_t type) const { return std::string(payloads_[type].substr(0, payloads_[type].find('\0'))); }
  Attributes nest(size_t type) const { return Attributes(payloads_[type]); }
  std::optional<net::Mac> mac(size_t type) const {
    const auto bytes = value<std::array<uint8_t, 6>>(type);
    return bytes ? std::optional(net::Mac{*bytes}) : std::nullopt;
  }
  std::optional<net::Address> address(size_t type) const {
    if (const auto six = value<std::array<uint8_t, 16>>(type)) return net::Address::v6(*six);
    const auto four = value<std::array<uint8_t, 4>>(type);
    if (!four) return std::nullopt;
    return net::Address::v4(uint32_t{(*four)[0]} << 24 | uint32_t{(*four)[1]} << 16 | uint32_t{(*four)[2]} << 8 |
                            (*four)[3]);
  }

 private:
  template <class Value>
  std::optional<Value> value(size_t type) const {
    Value out;
    if (payloads_[type].size() != sizeof out) return std::nullopt;
    std::memcpy(&out, payloads_[type].data(), sizeof out);
    return out;
  }
  std::array<std::string_view, 64> payloads_{};
};

// The fixed part of a received message; nothing if the message is shorter.
template <class Header>
const Header* header_of(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(Header)) return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(&message));
}

// All rows of a dump, sorted. `parse` makes one of each message, or nothing.
template <class Row, class Parse>
Result<std::vector<Row>> read_rows(Netlink& netlink, const Request& request, Parse&& parse) {
  constexpr int kAttempts = 8;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<Row> rows;
    const auto answer = TRY(netlink.ask(request, [&](const nlmsghdr& message) {
      if (std::optional<Row> row = parse(message)) rows.push_back(std::move(*row));
    }));
    if (answer == Netlink::Answer::Interrupted) continue;
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  return error(base::Code::Unavailable, "{}: kept changing while it was read", request.what);
}

// AF_INET or AF_INET6.
uint8_t family_number(net::Family family);

}  // namespace weft::os
