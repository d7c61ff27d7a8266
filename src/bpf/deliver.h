/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The end of a packet's way: into the target's namespace, into the gateway's,
 * or nowhere, counted and reported under its reason.
 */
#pragma once

#include <linux/in6.h>

#include "bpf/event.h"
#include "bpf/maps.h"

/* The MAC of the machine's side of every TNI, and so of every router; and that
 * of every gateway's side towards the TNIs. Locally administered. */
#define ROUTER_MAC \
  { 0x02, 0x77, 0x65, 0x66, 0x74, 0x01 }
#define GATEWAY_MAC \
  { 0x02, 0x77, 0x65, 0x66, 0x74, 0x02 }

static __always_inline struct counters* counters_of(u32 slot) {
  return slot ? bpf_map_lookup_elem(&tni_counters, &slot) : NULL;
}

/* What every host says on its wire: which groups it listens to, and whether there is a
 * router or another with its address. Among what was denied it would bury the rest. */
static __always_inline int is_chatter(const struct packet* packet, u32 reason) {
  u8 type = *(const u8*)&packet->selector;
  if (reason == REASON_Neighbour) return packet->protocol == IPPROTO_ICMPV6 && (type == 133 || type == 135);
  return reason == REASON_Multicast && (packet->protocol == IPPROTO_ICMPV6 || packet->protocol == IPPROTO_IGMP);
}

static __noinline int drop(struct scratch* s, u32 sender, u32 reason) {
  struct judgement* judgement = &s->judgement;
  struct counters* counters = counters_of(sender ? sender : judgement->target);
  count_reason(reason);
  if (counters) counters->drops += 1;
  if (!is_chatter(&s->packet, reason)) event_packet(&s->packet, EVENT_DROP, reason, judgement->denier, judgement->rule);
  return TC_ACT_SHOT;
}

static __always_inline int set_macs(struct __sk_buff* skb, const u8* target) {
  const u8 router[6] = ROUTER_MAC;
  if ((void*)(long)skb->data + ETH_LENGTH > (void*)(long)skb->data_end) return -1;
  struct ethhdr* eth = (void*)(long)skb->data;
  __builtin_memcpy(eth->h_dest, target, 6);
  __builtin_memcpy(eth->h_source, router, 6);
  return 0;
}

/* Hands the packet as it is now to the end in `target` (0: the gateway): an action,
 * or minus the reason why that can't be. */
static __always_inline int hand_to(struct __sk_buff* skb, u32 target, u32 vpc_slot) {
  if (target == 0) {
    const u8 gateway[6] = GATEWAY_MAC;
    struct vpc* vpc = bpf_map_lookup_elem(&vpcs, &vpc_slot);
    if (!vpc || !vpc->gateway || set_macs(skb, gateway) != 0) return -REASON_NoRoute;
    return (int)bpf_redirect_peer(vpc->gateway, 0);
  }
  struct tni* tni = bpf_map_lookup_elem(&tnis, &target);
  if (!tni || !tni->ifindex || set_macs(skb, tni->mac) != 0) return -REASON_NoEndpoint;
  return (int)bpf_redirect_peer(tni->ifindex, 0);
}

static __always_inline int deliver(struct __sk_buff* skb, struct scratch* s, u32 sender, u32 vpc_slot) {
  u32 target = s->judgement.target, length = s->packet.length;
  int action = hand_to(skb, target, vpc_slot);
  if (action < 0) return drop(s, sender, (u32)-action);
  struct counters *sent = counters_of(sender), *received = counters_of(target);
  if (sent) {
    sent->sent_packets += 1;
    sent->sent_bytes += length;
  }
  if (received) {
    received->received_packets += 1;
    received->received_bytes += length;
  }
  return action;
}
