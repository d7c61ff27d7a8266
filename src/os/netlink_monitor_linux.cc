#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "os/netlink_message.h"
#include "os/netlink_monitor.h"
#include "os/netns.h"

namespace weft::os {

using base::errno_error;

namespace {

// So that a flood of notices cannot hold the event loop.
constexpr int kReadsPerDrain = 256;

constexpr std::array kGroups = {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
                                RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,   RTNLGRP_TC};

void note(Changes& changes, const nlmsghdr& message) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      changes.links = true;
      if (const auto* head = header_of<ifinfomsg>(message)) changes.devices.insert(head->ifi_index);
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR: changes.addresses = true; break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE: changes.routes = true; break;
    case RTM_NEWRULE:
    case RTM_DELRULE: changes.rules = true; break;
    case RTM_NEWQDISC:
    case RTM_DELQDISC:
    case RTM_NEWTFILTER:
    case RTM_DELTFILTER:
      changes.filters = true;
      if (const auto* head = header_of<tcmsg>(message)) changes.devices.insert(head->tcm_ifindex);
      break;
    default: break;
  }
}

// Another namespace than the socket's own comes with its number.
std::optional<int> namespace_of(msghdr& head) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&head); part != nullptr; part = CMSG_NXTHDR(&head, part)) {
    if (part->cmsg_level != SOL_NETLINK || part->cmsg_type != NETLINK_LISTEN_ALL_NSID) continue;
    int number = 0;
    std::memcpy(&number, CMSG_DATA(part), sizeof number);
    return number;
  }
  return std::nullopt;
}

}  // namespace

Result<Monitor> Monitor::open() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!socket.valid()) return errno_error("open a netlink socket", errno);
  // An unbound socket has the kernel's own number, and would be told nothing.
  sockaddr_nl any{};
  any.nl_family = AF_NETLINK;
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
    return errno_error("bind a netlink socket", errno);
  }
  for (const int group : kGroups) {
    if (setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
      return errno_error("listen to netlink", errno);
    }
  }
  return Monitor(std::move(socket));
}

Result<Monitor> Monitor::open_in(const Fd& netns) { return inside_netns(netns, open); }

Result<> Monitor::listen_around(Around around) {
  const int on = around == Around::Yes ? 1 : 0;
  if (setsockopt(fd(), SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof on) != 0) {
    return errno_error("listen to netlink in other namespaces", errno);
  }
  return {};
}

Result<Changes> Monitor::drain() {
  Changes changes;
  alignas(nlmsghdr) std::array<char, 16384> buffer;
  for (int reads = 0; reads < kReadsPerDrain; ++reads) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
    iovec part{buffer.data(), buffer.size()};
    msghdr head{};
    head.msg_iov = &part;
    head.msg_iovlen = 1;
    head.msg_control = control.data();
    head.msg_controllen = control.size();
    const ssize_t got = recvmsg(socket_.get(), &head, 0);
    if (got < 0 && errno == EINTR) continue;
    const bool empty = got < 0 && errno == EAGAIN;
    const bool dropped = got < 0 && errno == ENOBUFS;
    if (dropped) notices_ = Changes::Notices::Lost;
    if (notices_ == Changes::Notices::Lost && (dropped || empty)) {
      changes.links = changes.addresses = changes.routes = changes.rules = changes.filters = true;
      changes.notices = Changes::Notices::Lost;
    }
    if (empty) notices_ = Changes::Notices::Whole;
    if (empty) break;
    if (dropped) continue;
    if (got < 0) return errno_error("receive from netlink", errno);
    if (const auto other = namespace_of(head)) {
      changes.others.insert(*other);
      continue;
    }
    int left = static_cast<int>(got);
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) note(changes, *message);
  }
  return changes;
}

}  // namespace weft::os
