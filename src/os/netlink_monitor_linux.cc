#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "os/netlink_monitor.h"
#include "os/netns.h"

namespace weft::os {

using base::errno_error;

namespace {

// So that a flood of notices cannot hold the event loop.
constexpr int kReadsPerDrain = 256;

constexpr std::array kGroups = {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
                                RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,   RTNLGRP_TC};

void note(Changes& changes, uint16_t type) {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: changes.links = true; break;
    case RTM_NEWADDR:
    case RTM_DELADDR: changes.addresses = true; break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE: changes.routes = true; break;
    case RTM_NEWRULE:
    case RTM_DELRULE: changes.rules = true; break;
    case RTM_NEWQDISC:
    case RTM_DELQDISC:
    case RTM_NEWTFILTER:
    case RTM_DELTFILTER: changes.filters = true; break;
    default: break;
  }
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

Result<Changes> Monitor::drain() {
  Changes changes;
  alignas(nlmsghdr) std::array<char, 16384> buffer;
  for (int reads = 0; reads < kReadsPerDrain; ++reads) {
    const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got < 0 && errno == ENOBUFS) {
      changes = {.links = true, .addresses = true, .routes = true, .rules = true, .filters = true};
      continue;
    }
    if (got < 0) return errno_error("receive from netlink", errno);
    int left = static_cast<int>(got);
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) note(changes, message->nlmsg_type);
  }
  return changes;
}

}  // namespace weft::os
