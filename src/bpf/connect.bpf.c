/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Published ports for programs of the machine itself: a call to one goes to
 * where the port leads, once, when it is made. What a program is told of its
 * peer stays what it asked for.
 */
#include "bpf/border_maps.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Sockets of other network namespaces are none of our business. */
const volatile unsigned long long machine_netns = 0; /* a type that the skeleton knows, too */

MAP(translations, BPF_MAP_TYPE_LRU_HASH, struct translated_key, struct translated, MOST_TRANSLATED, 0);

#define PROCEED 1

static __always_inline int is_ours(struct bpf_sock_addr* call) { return bpf_get_netns_cookie(call) == machine_netns; }

static __always_inline void read_v4(const struct bpf_sock_addr* call, struct address* out) {
  u32* words = (u32*)out;
  words[0] = words[1] = 0;
  words[2] = bpf_htonl(0xffff);
  words[3] = call->user_ip4;
}
static __always_inline void read_v6(const struct bpf_sock_addr* call, struct address* out) {
  u32* words = (u32*)out;
  words[0] = call->user_ip6[0];
  words[1] = call->user_ip6[1];
  words[2] = call->user_ip6[2];
  words[3] = call->user_ip6[3];
}
static __always_inline void write_v4(struct bpf_sock_addr* call, const struct address* address) {
  call->user_ip4 = ((const u32*)address)[3];
}
static __always_inline void write_v6(struct bpf_sock_addr* call, const struct address* address) {
  const u32* words = (const u32*)address;
  call->user_ip6[0] = words[0];
  call->user_ip6[1] = words[1];
  call->user_ip6[2] = words[2];
  call->user_ip6[3] = words[3];
}

/* Loopback, or unspecified, which means the same to connect(). */
static __always_inline int is_loopback(const struct address* address) {
  const u32* words = (const u32*)address;
  if (is_v4(address)) return words[3] == 0 || (bpf_ntohl(words[3]) >> 24) == 127;
  return words[0] == 0 && words[1] == 0 && words[2] == 0 && (words[3] == 0 || words[3] == bpf_htonl(1));
}

static __always_inline int is_machine(const struct address* address) {
  if (is_loopback(address)) return 1;
  struct machine_address* machine = bpf_map_lookup_elem(&machine_addresses, address);
  return machine && machine->kind == MACHINE_OUTSIDE;
}

/* Where a call to `asked` goes instead; NULL: where it wants. */
static __always_inline struct publication* translate(struct bpf_sock_addr* call, const struct address* asked) {
  if (call->protocol != IPPROTO_TCP && call->protocol != IPPROTO_UDP) return NULL;
  if (!is_machine(asked)) return NULL;
  struct publication* found = find_publication(asked, (be16)call->user_port, (u8)call->protocol);
  if (!found || found->target_port == 0) return NULL;
  struct translated_key key = {
      .socket = bpf_get_socket_cookie(call), .address = found->target, .port = found->target_port};
  struct translated before = {.address = *asked, .port = (be16)call->user_port};
  bpf_map_update_elem(&translations, &key, &before, BPF_ANY);
  return found;
}

static __always_inline struct translated* find_asked(struct bpf_sock_addr* call, const struct address* got) {
  struct translated_key key = {.socket = bpf_get_socket_cookie(call), .address = *got, .port = (be16)call->user_port};
  return bpf_map_lookup_elem(&translations, &key);
}

static __always_inline int send_v4(struct bpf_sock_addr* call) {
  struct address asked;
  if (!is_ours(call)) return PROCEED;
  read_v4(call, &asked);
  struct publication* to = translate(call, &asked);
  if (!to) return PROCEED;
  write_v4(call, &to->target);
  call->user_port = to->target_port;
  return PROCEED;
}

static __always_inline int send_v6(struct bpf_sock_addr* call) {
  struct address asked;
  if (!is_ours(call)) return PROCEED;
  read_v6(call, &asked);
  struct publication* to = translate(call, &asked);
  if (!to) return PROCEED;
  write_v6(call, &to->target);
  call->user_port = to->target_port;
  return PROCEED;
}

static __always_inline int tell_v4(struct bpf_sock_addr* call) {
  struct address got;
  if (!is_ours(call)) return PROCEED;
  read_v4(call, &got);
  struct translated* asked = find_asked(call, &got);
  if (!asked) return PROCEED;
  write_v4(call, &asked->address);
  call->user_port = asked->port;
  return PROCEED;
}

static __always_inline int tell_v6(struct bpf_sock_addr* call) {
  struct address got;
  if (!is_ours(call)) return PROCEED;
  read_v6(call, &got);
  struct translated* asked = find_asked(call, &got);
  if (!asked) return PROCEED;
  write_v6(call, &asked->address);
  call->user_port = asked->port;
  return PROCEED;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr* call) { return send_v4(call); }
SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr* call) { return send_v4(call); }
SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr* call) { return tell_v4(call); }
SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr* call) { return tell_v4(call); }

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr* call) { return send_v6(call); }
SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr* call) { return send_v6(call); }
SEC("cgroup/recvmsg6")
int recvmsg6(struct bpf_sock_addr* call) { return tell_v6(call); }
SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr* call) { return tell_v6(call); }
