#include "os/netlink_message.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

namespace weft::os {
namespace {

std::string_view attributes_of(const Request& request) {
  return std::string_view(request.message).substr(MNL_NLMSG_HDRLEN + sizeof(rtmsg));
}

Request sample() {
  Message message(RTM_NEWROUTE, NLM_F_CREATE);
  message.header<rtmsg>().rtm_dst_len = 24;
  message.put_text(1, "weft");
  message.put_address(2, *net::Address::parse("10.0.1.7"));
  message.put_address(3, *net::Address::parse("fd00::7"));
  message.nest(4, [&] {
    message.put_u32(1, 77);
    message.put_u8(2, 7);
  });
  message.put_mac(5, *net::Mac::parse("02:00:00:00:00:01"));
  return message.request("sample");
}

TEST(NetlinkMessage, IsReadBackAsItWasBuilt) {
  const Request request = sample();
  const auto* head = reinterpret_cast<const nlmsghdr*>(request.message.data());
  EXPECT_EQ(head->nlmsg_len, request.message.size());
  EXPECT_EQ(head->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
  EXPECT_EQ(header_of<rtmsg>(*head)->rtm_dst_len, 24);

  const auto attributes = Attributes::after<rtmsg>(*head);
  EXPECT_EQ(attributes.text(1), "weft");
  EXPECT_EQ(attributes.address(2)->text(), "10.0.1.7");
  EXPECT_EQ(attributes.address(3)->text(), "fd00::7");
  EXPECT_EQ(attributes.nest(4).u32(1), 77U);
  EXPECT_EQ(attributes.nest(4).u8(2), 7U);
  EXPECT_EQ(attributes.mac(5)->text(), "02:00:00:00:00:01");
  EXPECT_FALSE(attributes.has(6));
  EXPECT_EQ(attributes.text(6), "");
}

TEST(NetlinkMessage, WrongSizesAreAbsent) {
  const Request request = sample();
  const Attributes attributes(attributes_of(request));
  EXPECT_FALSE(attributes.u32(1));
  EXPECT_FALSE(attributes.mac(2));
  EXPECT_FALSE(attributes.address(5));
}

// Whatever the bytes are, reading stays inside them; a sanitizer build proves it.
TEST(NetlinkMessage, CutAndDamagedBytesAreHarmless) {
  const Request request = sample();
  const std::string_view all = attributes_of(request);
  for (size_t length = 0; length <= all.size(); ++length) {
    const std::string cut(all.substr(0, length));
    EXPECT_LE(Attributes(cut).text(1).size(), 5U);
  }
  for (size_t place = 0; place < all.size(); ++place) {
    std::string damaged(all);
    damaged[place] = static_cast<char>(0xff);
    const Attributes attributes(damaged);
    for (size_t type = 0; type < 8; ++type) EXPECT_LE(attributes.bytes(type).size(), all.size());
  }
}

}  // namespace
}  // namespace weft::os
