#include "os/netlink_link.h"

#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <cerrno>

#include "os/netlink_message.h"

namespace weft::os {

using base::Code;

namespace {

std::optional<Link> parse_link(const nlmsghdr& message) {
  const auto* head = header_of<ifinfomsg>(message);
  if (head == nullptr || message.nlmsg_type != RTM_NEWLINK) return std::nullopt;
  const auto attributes = Attributes::after<ifinfomsg>(message);
  const std::string kind = attributes.nest(IFLA_LINKINFO).text(IFLA_INFO_KIND);
  return Link{.index = head->ifi_index,
              .name = attributes.text(IFLA_IFNAME),
              .kind = kind,
              .mac = attributes.mac(IFLA_ADDRESS).value_or(net::Mac{}),
              .mtu = attributes.u32(IFLA_MTU).value_or(0),
              .flags = head->ifi_flags,
              .group = attributes.u32(IFLA_GROUP).value_or(0),
              .peer = kind == "veth" ? static_cast<int>(attributes.u32(IFLA_LINK).value_or(0)) : 0,
              .peer_netns = static_cast<int>(attributes.u32(IFLA_LINK_NETNSID).value_or(~0u)),
              .alias = attributes.text(IFLA_IFALIAS)};
}

// One end of a pair, in the message itself or in the nest of the other's.
template <class End>
void put_end(Message& message, const End& end, unsigned queues) {
  message.put_text(IFLA_IFNAME, end.name);
  if (end.mac != net::Mac{}) message.put_mac(IFLA_ADDRESS, end.mac);
  if (end.mtu != 0) message.put_u32(IFLA_MTU, end.mtu);
  if (queues == 0) return;
  message.put_u32(IFLA_NUM_TX_QUEUES, queues);
  message.put_u32(IFLA_NUM_RX_QUEUES, queues);
}

void put_state(ifinfomsg& head, LinkState state) {
  head.ifi_change = IFF_UP;
  head.ifi_flags = state == LinkState::Up ? IFF_UP : 0;
}

}  // namespace

LinkState Link::state() const { return (flags & IFF_UP) != 0 ? LinkState::Up : LinkState::Down; }

Result<std::vector<Link>> read_links(Netlink& netlink) {
  Message message(RTM_GETLINK, NLM_F_DUMP);
  message.header<ifinfomsg>();
  message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return read_rows<Link>(netlink, message.request("read links"), parse_link);
}

Result<std::optional<Link>> find_link(Netlink& netlink, const std::string& name) {
  Message message(RTM_GETLINK, 0);
  message.header<ifinfomsg>();
  message.put_text(IFLA_IFNAME, name);
  message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::optional<Link> found;
  TRY(netlink.ask(message.request("read link " + name, {ENODEV}), [&](const nlmsghdr& answer) {
    if (auto link = parse_link(answer)) found = std::move(link);
  }));
  return found;
}

Result<std::optional<Link>> find_link(Netlink& netlink, int index) {
  CHECK(index > 0);
  Message message(RTM_GETLINK, 0);
  message.header<ifinfomsg>().ifi_index = index;
  message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::optional<Link> found;
  TRY(netlink.ask(message.request(fmt::format("read link {}", index), {ENODEV}), [&](const nlmsghdr& answer) {
    if (auto link = parse_link(answer)) found = std::move(link);
  }));
  return found;
}

Result<int> netns_number(Netlink& netlink, const Fd& netns) {
  Message message(RTM_GETNSID, 0);
  message.header<rtgenmsg>();
  message.put_u32(NETNSA_FD, static_cast<uint32_t>(netns.get()));
  int number = -1;
  TRY(netlink.ask(message.request("ask for a namespace's number"), [&](const nlmsghdr& answer) {
    number = static_cast<int>(Attributes::after<rtgenmsg>(answer).u32(NETNSA_NSID).value_or(~0u));
  }));
  return number;
}

Result<int> link_index(Netlink& netlink, const std::string& name) {
  const auto link = TRY(find_link(netlink, name));
  if (!link) return error(Code::NotFound, "no link has the name {}", name);
  return link->index;
}

Request create_veth(const VethPair& pair) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  auto& head = message.header<ifinfomsg>();
  head.ifi_index = pair.index;
  if (pair.state == LinkState::Up) put_state(head, pair.state);
  put_end(message, pair, pair.queues);
  if (pair.group != 0) message.put_u32(IFLA_GROUP, pair.group);
  message.nest(IFLA_LINKINFO, [&] {
    message.put_text(IFLA_INFO_KIND, "veth");
    message.nest(IFLA_INFO_DATA, [&] {
      message.nest(VETH_INFO_PEER, [&] {
        message.header<ifinfomsg>().ifi_index = pair.peer.index;
        put_end(message, pair.peer, pair.queues);
        if (pair.peer.netns != nullptr) {
          message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(pair.peer.netns->get()));
        }
      });
    });
  });
  return message.request(fmt::format("create veth {}", pair.name));
}

Request change_link(const LinkChange& change) {
  Message message(RTM_SETLINK, 0);
  auto& head = message.header<ifinfomsg>();
  head.ifi_index = change.index;
  if (change.state) put_state(head, *change.state);
  if (change.mtu) message.put_u32(IFLA_MTU, *change.mtu);
  if (change.mac) message.put_mac(IFLA_ADDRESS, *change.mac);
  if (change.name) message.put_text(IFLA_IFNAME, *change.name);
  if (change.alias) message.put_bytes(IFLA_IFALIAS, *change.alias);
  if (change.group) message.put_u32(IFLA_GROUP, *change.group);
  if (change.netns != nullptr) message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(change.netns->get()));
  return message.request(fmt::format("change link {}", change.index));
}

Request suppress_link_local(int index) {
  Message message(RTM_SETLINK, 0);
  message.header<ifinfomsg>().ifi_index = index;
  message.nest(IFLA_AF_SPEC, [&] {
    message.nest(AF_INET6, [&] { message.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
  });
  return message.request(fmt::format("suppress the link-local address of link {}", index));
}

Request remove_link(int index) {
  CHECK(index > 0);
  Message message(RTM_DELLINK, 0);
  message.header<ifinfomsg>().ifi_index = index;
  return message.request(fmt::format("remove link {}", index), {ENODEV});
}

Request remove_link_group(uint32_t group) {
  CHECK(group != 0);
  Message message(RTM_DELLINK, 0);
  message.header<ifinfomsg>();
  message.put_u32(IFLA_GROUP, group);
  return message.request(fmt::format("remove links of group {}", group), {ENODEV});
}

}  // namespace weft::os
