// Links: what there is, making veth pairs, changing and removing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/address.h"
#include "os/netlink.h"

namespace weft::os {

enum class LinkState { Down, Up };

struct Link {
  int index = 0;
  std::string name;
  std::string kind;  // "veth", "vxlan", ...; empty for hardware and loopback
  net::Mac mac;
  unsigned mtu = 0;
  unsigned flags = 0;  // IFF_*
  uint32_t group = 0;
  int peer = 0;         // index of a veth's other end, in the namespace where that one is; 0: none
  int peer_netns = -1;  // that namespace, as Monitor names it; -1: this one
  std::string alias;

  LinkState state() const;  // whether it is meant to be up
  auto operator<=>(const Link&) const = default;
};

// Sorted by index. Costs one pass over all links of the namespace.
Result<std::vector<Link>> read_links(Netlink& netlink);
Result<std::optional<Link>> find_link(Netlink& netlink, const std::string& name);
Result<std::optional<Link>> find_link(Netlink& netlink, int index);
// What Link::peer_netns says of links into that namespace; -1: there is none.
Result<int> netns_number(Netlink& netlink, const Fd& netns);
// The index of a link that must exist.
Result<int> link_index(Netlink& netlink, const std::string& name);

// Two ends of a wire. Fields left at zero are the kernel's choice. Choosing the
// indexes allows one batch to create the pair and to configure it; the peer's
// counts only if the near end's is chosen too.
struct VethPair {
  std::string name;
  int index = 0;
  net::Mac mac = {};
  unsigned mtu = 0;
  uint32_t group = 0;
  // Each way, at both ends. Without a queueing discipline or NAPI one serves all
  // CPUs; the kernel's choice is one per possible CPU, of 30 us each to make.
  unsigned queues = 1;
  LinkState state = LinkState::Down;
  struct Peer {
    std::string name;
    int index = 0;
    net::Mac mac = {};
    unsigned mtu = 0;
    const Fd* netns = nullptr;  // where it is born; the same namespace if not given
  } peer = {};                  // always born down: up before it has a peer is ENOTCONN
};
Request create_veth(const VethPair& pair);

// Only what is given changes, all in one request. A link in use takes most
// changes; a new name or namespace wants it down.
struct LinkChange {
  int index = 0;
  std::optional<LinkState> state = {};
  std::optional<unsigned> mtu = {};
  std::optional<net::Mac> mac = {};
  std::optional<std::string> name = {};
  std::optional<std::string> alias = {};
  std::optional<uint32_t> group = {};
  const Fd* netns = nullptr;  // where it moves to
};
Request change_link(const LinkChange& change);

// No IPv6 link-local address of the kernel's on this link; before it comes up.
Request suppress_link_local(int index);

// A veth takes its other end with it. Waits for an RCU grace period (23 ms):
// for many links, remove their group or their namespace instead.
Request remove_link(int index);
// All links of the group in this namespace, with one wait for all. Never group
// 0, in which every link is born.
Request remove_link_group(uint32_t group);

}  // namespace weft::os
