/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The machine's border. from_uplink stands at the ingress of each uplink, after
 * or before whatever else stands there: it takes what belongs to a gateway
 * and leaves all else as it is. from_border stands at the machine's side of each
 * gateway and sees what a VPC sends out, translated already: to another gateway,
 * or to the uplink. So no chain of the machine's firewall sees any of it. What is for
 * the machine itself is refused.
 */
#include "bpf/border.h"
#include "bpf/notice.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int drop(u32 reason) {
  u64* count = bpf_map_lookup_elem(&border_drops, &reason);
  if (count) *count += 1;
  return TC_ACT_SHOT;
}

static __always_inline int enter(u32 slot) {
  struct gateway* gateway = bpf_map_lookup_elem(&gateways, &slot);
  if (!gateway || !gateway->ifindex) return drop(BORDER_NO_GATEWAY);
  return bpf_redirect_peer(gateway->ifindex, 0);
}

SEC("tc")
int from_uplink(struct __sk_buff* skb) {
  struct ends ends = {};
  /* A tagged packet is for a device above this one. */
  if (skb->pkt_type != 0 /* PACKET_HOST */ || skb->vlan_present) return TC_ACT_UNSPEC;
  if (parse_ends(skb, &ends) != 0) return TC_ACT_UNSPEC;
  u32 owner = owner_of(&ends);
  if (owner) return enter(owner);
  /* The kernel takes what is for any address of the machine, by whatever device it
   * comes: past the groups of the machine's TNI, and to where only gateways talk. */
  struct machine_address* machine = bpf_map_lookup_elem(&machine_addresses, &ends.target);
  return machine && machine->kind != MACHINE_OUTSIDE ? drop(BORDER_MACHINE) : TC_ACT_UNSPEC;
}

/* The uplink for what has this source; 0: none. */
static __always_inline u32 exit_of(const struct address* source) {
  struct machine_address* machine = bpf_map_lookup_elem(&machine_addresses, source);
  if (machine) return machine->kind == MACHINE_OUTSIDE ? machine->exit : 0;
  struct routed_key key = {.prefix_length = 128, .address = *source};
  struct routed* routed = bpf_map_lookup_elem(&routed_ranges, &key);
  return routed ? routed->exit : 0;
}

/* Tells the sender, by the way that the packet came: the gateway knows whose it is. */
__noinline int refuse(struct __sk_buff* skb, const struct ends* ends) {
  if (!ends) return TC_ACT_SHOT;
  const struct notice_way back = {&ends->target, &ends->source, 0, 0};
  u32 version = skb->protocol == bpf_htons(ETH_P_IP) ? 4 : 6;
  if (ends->first || ends->later || ends->offset != ip_length(version)) return TC_ACT_SHOT;
  if (ends->protocol == IPPROTO_TCP) {
    struct tcphdr tcp;
    if (load(skb, ends->offset, &tcp, sizeof tcp) != 0 || tcp.rst) return TC_ACT_SHOT;
    const struct notice_way way = {&ends->target, &ends->source, tcp.dest, tcp.source};
    if (bpf_skb_change_tail(skb, ETH_LENGTH + ends->offset + sizeof tcp, 0) != 0) return TC_ACT_SHOT;
    if (write_reset_back(skb, version, &way, tcp.seq, tcp.ack_seq, tcp.ack) != 0) return TC_ACT_SHOT;
  } else {
    u8 type = 0;
    if (ends->protocol == IPPROTO_ICMP || ends->protocol == IPPROTO_ICMPV6) {
      if (load(skb, ends->offset, &type, sizeof type) != 0) return TC_ACT_SHOT;
      /* Requests alone are answered, never an error. */
      if (type != (version == 4 ? 8 : 128)) return TC_ACT_SHOT;
    }
    if (write_prohibited(skb, version, ends->protocol, &back) != 0) return TC_ACT_SHOT;
  }
  return (int)bpf_redirect_peer(skb->ifindex, 0);
}

SEC("tc")
int from_border(struct __sk_buff* skb) {
  struct ends ends = {};
  if (parse_ends(skb, &ends) != 0) return drop(BORDER_NOT_IP);
  struct machine_address* machine = bpf_map_lookup_elem(&machine_addresses, &ends.target);
  /* Answers to the machine's own programs: a gateway lets nothing else go there. */
  if (machine && machine->kind == MACHINE_INSIDE) return TC_ACT_OK;
  u32 owner = owner_of(&ends);
  if (owner) return enter(owner);
  if (machine) {
    drop(BORDER_MACHINE);
    return refuse(skb, &ends);
  }
  u32 exit = exit_of(&ends.source);
  return exit ? bpf_redirect_neigh(exit, NULL, 0, 0) : drop(BORDER_NO_EXIT);
}
