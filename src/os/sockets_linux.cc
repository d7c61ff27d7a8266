#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "os/netlink_message.h"
#include "os/sockets.h"

namespace weft::os {

namespace {

// UDP sockets without a peer have the number that TCP calls closed.
uint32_t states_of(uint8_t protocol) { return protocol == IPPROTO_TCP ? 1u << TCP_LISTEN : 1u << TCP_CLOSE; }

std::optional<BoundSocket> parse_socket(const nlmsghdr& message, uint8_t protocol) {
  const auto* head = header_of<inet_diag_msg>(message);
  if (head == nullptr || message.nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
  net::Address address;
  if (head->idiag_family == AF_INET) {
    address = net::Address::v4(ntohl(head->id.idiag_src[0]));
  } else {
    std::array<uint8_t, 16> bytes;
    std::memcpy(bytes.data(), head->id.idiag_src, bytes.size());
    address = net::Address::v6(bytes);
  }
  return BoundSocket{.protocol = protocol, .address = address, .port = ntohs(head->id.idiag_sport)};
}

Result<std::vector<BoundSocket>> read_kind(Netlink& netlink, uint8_t family, uint8_t protocol) {
  Message message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
  auto& head = message.header<inet_diag_req_v2>();
  head.sdiag_family = family;
  head.sdiag_protocol = protocol;
  head.idiag_states = states_of(protocol);
  // ENOENT: the kernel lacks the part that tells of this protocol.
  return read_rows<BoundSocket>(netlink, message.request("read the sockets", {ENOENT}),
                                [&](const nlmsghdr& row) { return parse_socket(row, protocol); });
}

}  // namespace

Result<std::vector<BoundSocket>> read_bound_sockets(Netlink& netlink) {
  std::vector<BoundSocket> all;
  for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
    for (const uint8_t protocol : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}}) {
      const auto some = TRY(read_kind(netlink, family, protocol));
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  std::erase_if(all, [](const BoundSocket& socket) { return socket.port == 0; });
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace weft::os
