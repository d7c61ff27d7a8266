#include "os/netlink_address.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "os/netlink_message.h"

namespace weft::os {

namespace {

uint16_t flags_for(Create create) {
  return static_cast<uint16_t>(NLM_F_CREATE | (create == Create::Replace ? NLM_F_REPLACE : NLM_F_EXCL));
}

std::string text_of(const LinkAddress& address) {
  return fmt::format("address {}/{} of link {}", address.address.text(), address.length, address.link);
}

void put_place(Message& message, const LinkAddress& address) {
  auto& head = message.header<ifaddrmsg>();
  head.ifa_family = family_number(address.address.family());
  head.ifa_prefixlen = static_cast<uint8_t>(address.length);
  head.ifa_scope = address.address.is_link_local() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  head.ifa_index = static_cast<uint32_t>(address.link);
  message.put_address(IFA_LOCAL, address.address);
  message.put_address(IFA_ADDRESS, address.address);
}

std::optional<LinkAddress> parse_address(const nlmsghdr& message) {
  const auto* head = header_of<ifaddrmsg>(message);
  if (head == nullptr || message.nlmsg_type != RTM_NEWADDR) return std::nullopt;
  const auto attributes = Attributes::after<ifaddrmsg>(message);
  const auto address = attributes.has(IFA_LOCAL) ? attributes.address(IFA_LOCAL) : attributes.address(IFA_ADDRESS);
  if (!address) return std::nullopt;
  const uint32_t flags = attributes.u32(IFA_FLAGS).value_or(head->ifa_flags);
  return LinkAddress{.link = static_cast<int>(head->ifa_index),
                     .address = *address,
                     .length = head->ifa_prefixlen,
                     .prefix_route = (flags & IFA_F_NOPREFIXROUTE) == 0};
}

std::string text_of(const Neighbour& neighbour) {
  return fmt::format("neighbour {} on link {}", neighbour.address.text(), neighbour.link);
}

void put_place(Message& message, const Neighbour& neighbour) {
  auto& head = message.header<ndmsg>();
  head.ndm_family = family_number(neighbour.address.family());
  head.ndm_ifindex = neighbour.link;
  head.ndm_state = NUD_PERMANENT;
  message.put_address(NDA_DST, neighbour.address);
}

std::optional<Neighbour> parse_neighbour(const nlmsghdr& message) {
  const auto* head = header_of<ndmsg>(message);
  if (head == nullptr || message.nlmsg_type != RTM_NEWNEIGH || head->ndm_state != NUD_PERMANENT) return std::nullopt;
  if (head->ndm_family != AF_INET && head->ndm_family != AF_INET6) return std::nullopt;
  const auto attributes = Attributes::after<ndmsg>(message);
  const auto address = attributes.address(NDA_DST);
  const auto mac = attributes.mac(NDA_LLADDR);
  if (!address || !mac) return std::nullopt;
  return Neighbour{.link = head->ndm_ifindex, .address = *address, .mac = *mac};
}

}  // namespace

Request put_address(const LinkAddress& address, Create create) {
  Message message(RTM_NEWADDR, flags_for(create));
  put_place(message, address);
  const uint32_t at_once = address.address.is_v4() ? 0 : IFA_F_NODAD;
  message.put_u32(IFA_FLAGS, at_once | (address.prefix_route ? 0 : IFA_F_NOPREFIXROUTE));
  return message.request("add " + text_of(address));
}

Request remove_address(const LinkAddress& address) {
  Message message(RTM_DELADDR, 0);
  put_place(message, address);
  return message.request("remove " + text_of(address), {EADDRNOTAVAIL, ENODEV});
}

Result<std::vector<LinkAddress>> read_addresses(Netlink& netlink) { return read_addresses(netlink, 0); }

Result<std::vector<LinkAddress>> read_addresses(Netlink& netlink, int link) {
  Message message(RTM_GETADDR, NLM_F_DUMP);
  message.header<ifaddrmsg>().ifa_index = static_cast<uint32_t>(link);
  return read_rows<LinkAddress>(netlink, message.request("read addresses"), parse_address);
}

Request put_neighbour(const Neighbour& neighbour, Create create) {
  Message message(RTM_NEWNEIGH, flags_for(create));
  put_place(message, neighbour);
  message.put_mac(NDA_LLADDR, neighbour.mac);
  return message.request("add " + text_of(neighbour));
}

Request remove_neighbour(const Neighbour& neighbour) {
  Message message(RTM_DELNEIGH, 0);
  put_place(message, neighbour);
  return message.request("remove " + text_of(neighbour), {ENOENT, ENODEV});
}

Result<std::vector<Neighbour>> read_neighbours(Netlink& netlink) {
  Message message(RTM_GETNEIGH, NLM_F_DUMP);
  message.header<ndmsg>();
  return read_rows<Neighbour>(netlink, message.request("read neighbours"), parse_neighbour);
}

}  // namespace weft::os
