/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The flow table. Its entries end by themselves: what is over is not seen, and
 * a timer walks flow_slots slice by slice and removes it (sweep.h), whether weftd
 * lives or not. No TNI may hold more than a quarter of what is still free, so
 * that a flood leaves room for all others.
 */
#pragma once

#include "bpf/event.h"
#include "bpf/maps.h"

#define SECOND 1000000000ull
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* Fills the key; answers which end the source is: 0 is a, 1 is b. All of it is in
 * the scratch, where addresses lie on multiples of 8. */
static __always_inline u32 flow_key_of(struct flow_key* key, const struct address* source, const struct address* target,
                                       be16 source_port, be16 target_port) {
  const u64 *from = (const u64*)source, *to = (const u64*)target;
  u64 *a = (u64*)&key->a, *b = (u64*)&key->b;
  u64 from_high = from[0], from_low = from[1], to_high = to[0], to_low = to[1];
  u32 from_b = to_high != from_high ? to_high < from_high
               : to_low != from_low ? to_low < from_low
                                    : target_port < source_port;
  a[0] = from_b ? to_high : from_high;
  a[1] = from_b ? to_low : from_low;
  b[0] = from_b ? from_high : to_high;
  b[1] = from_b ? from_low : to_low;
  key->a_port = from_b ? target_port : source_port;
  key->b_port = from_b ? source_port : target_port;
  return from_b;
}

/* A reply belongs to the flow of the one who asked: who was asked may reply, and
 * not ask in turn. */
static __always_inline u8 flow_icmp_of(u32 end, u32 other, u32 request, u32 reply) {
  if (other) return FLOW_ICMP_OTHER;
  if (request) return end ? FLOW_ICMP_B_ASKS : FLOW_ICMP_A_ASKS;
  if (reply) return end ? FLOW_ICMP_A_ASKS : FLOW_ICMP_B_ASKS;
  return FLOW_ICMP_NONE;
}

static __always_inline u8 first_state(const struct packet* packet) {
  if (packet->protocol == IPPROTO_TCP) return FLOW_TCP_OPENING;
  if (packet->protocol == IPPROTO_UDP) return FLOW_UDP_ONE_WAY;
  return FLOW_OTHER;
}

/* The state after a packet from `end`. Both FINs or any RST: closing. */
static __always_inline u8 next_state(struct flow* flow, const struct packet* packet, u32 end) {
  u8 seen = flow->seen | (u8)(4 << end);
  u8 state = flow->state;
  if (packet->protocol == IPPROTO_TCP) {
    if (packet->tcp_flags & TCP_FIN) seen |= (u8)(1 << end);
    if ((packet->tcp_flags & TCP_RST) || (seen & 3) == 3) {
      state = FLOW_TCP_CLOSING;
    } else if (state == FLOW_TCP_OPENING && (seen & 12) == 12 && end == flow->initiator) {
      state = FLOW_TCP_ESTABLISHED;
    }
  } else if (state == FLOW_UDP_ONE_WAY && (seen & 12) == 12) {
    state = FLOW_UDP_BOTH_WAYS;
  }
  if (flow->seen != seen) flow->seen = seen;
  return state;
}

/* A new connection on the ports of one that is closing, or was cut. */
static __always_inline int reopens(const struct flow* flow, const struct packet* packet) {
  if (flow->state != FLOW_TCP_CLOSING && !(flow->flags & FLOW_CUT)) return 0;
  return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static __always_inline u64 timeout_of(u32 tni_slot, u8 state) {
  struct tni* tni = bpf_map_lookup_elem(&tnis, &tni_slot);
  u32 at = state;
  barrier_var(at); /* so that what is compared is what is read by */
  return tni && at < FLOW_STATES ? tni->timeout[at] * SECOND : 60 * SECOND;
}

/* A packet of a flow that may pass. */
static __always_inline void flow_touch(struct flow* flow, const struct packet* packet, u32 end) {
  u8 state = next_state(flow, packet, end);
  if (flow->state != state) flow->state = state;
  flow->expires = packet->now + timeout_of(flow->owner, state);
  struct flow_end* sender = end ? &flow->end[1] : &flow->end[0];
  sender->packets += 1;
  sender->bytes += packet->length;
}

static __always_inline void count_flow(u32 owner, int change) {
  u32* count = bpf_map_lookup_elem(&flow_counts, &owner);
  struct common* all = get_common();
  if (count) __sync_fetch_and_add(count, change);
  if (all) __sync_fetch_and_add(&all->flows, change);
}

#define NO_SLOT (~0u)

/* The end of a flow, told and forgotten. Two processors may come to it at once: who
 * gets its slot does it. */
static __noinline void flow_finish(const struct flow_key* key, struct flow* flow, u64 now) {
  u32 slot = __sync_lock_test_and_set(&flow->slot, NO_SLOT), owner = flow->owner;
  struct flow_key* place = bpf_map_lookup_elem(&flow_slots, &slot);
  if (slot == NO_SLOT) return;
  if (!(flow->flags & FLOW_CUT)) event_flow_end(key, flow, now);
  if (bpf_map_delete_elem(&flows, key) != 0) return;
  if (place) place->vpc = 0;
  bpf_map_push_elem(&flow_free, &slot, 0);
  count_flow(owner, -1);
}

/* A flow in the place of one that is over, of the same owner. Whether it could be done:
 * somebody else may be about to finish that one. */
static __always_inline int flow_restart(const struct flow_key* key, struct flow* flow, struct flow* fresh, u64 now) {
  if (flow->owner != fresh->owner) return 0;
  u32 slot = __sync_lock_test_and_set(&flow->slot, NO_SLOT);
  if (slot == NO_SLOT) return 0;
  if (!(flow->flags & FLOW_CUT)) event_flow_end(key, flow, now);
  fresh->slot = NO_SLOT;
  *flow = *fresh;
  WRITE_ONCE(flow->slot, slot);
  return 1;
}

/* No packet of it passes any more. Another processor may just have let one pass by
 * the rules before the change, and prolonged it. */
static __always_inline void flow_cut(const struct flow_key* key, struct flow* flow, u64 now) {
  u64 until = now + CUT_SECONDS * SECOND;
  if (!(flow->flags & FLOW_CUT)) {
    event_flow_end(key, flow, now);
    flow->end[0].packets = flow->end[0].bytes = flow->end[1].packets = flow->end[1].bytes = 0;
    flow->started = now;
    flow->flags |= FLOW_CUT;
    flow->expires = until;
  } else if (flow->expires > until) {
    flow->expires = until;
  }
}

/* Whether the TNI may hold one more flow. */
static __always_inline int flow_room(u32 owner) {
  u32* count = bpf_map_lookup_elem(&flow_counts, &owner);
  struct common* all = get_common();
  if (!count || !all) return 0;
  u32 used = READ_ONCE(all->flows), most = all->most_flows;
  return used < most && READ_ONCE(*count) < (most - used) / 4;
}

/* Adds the flow of `fresh`; answers a reason, or CONTINUE when it is there. */
static __noinline int flow_add(struct flow_key* key, struct flow* fresh) {
  if (!key || !fresh) return REASON_FlowQuota;
  struct common* all = get_common();
  u32 slot = 0;
  if (!all || !flow_room(fresh->owner)) return REASON_FlowQuota;
  if (bpf_map_pop_elem(&flow_free, &slot) != 0) {
    slot = __sync_fetch_and_add(&all->flow_high, 1);
    if (slot >= all->most_flows) {
      __sync_fetch_and_add(&all->flow_high, -1);
      return REASON_FlowQuota;
    }
  }
  fresh->slot = slot;
  struct flow_key* place = bpf_map_lookup_elem(&flow_slots, &slot);
  if (!place) return REASON_FlowQuota;
  if (bpf_map_update_elem(&flows, key, fresh, BPF_NOEXIST) != 0) {
    /* Its other end opened it at the same moment, on another processor. */
    bpf_map_push_elem(&flow_free, &slot, 0);
    return CONTINUE;
  }
  *place = *key;
  count_flow(fresh->owner, 1);
  return CONTINUE;
}
