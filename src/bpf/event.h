/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What the flow log hears. A flood doesn't drown it: each processor reports at
 * most DROPS_PER_SECOND drops a second, the counters know the rest.
 */
#pragma once

#include "bpf/maps.h"

#define DROPS_PER_SECOND 500

struct allowance {
  u64 second;
  u64 left;
};
MAP(allowance, BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct allowance, 1, 0);

static __always_inline int may_report(u64 now) {
  u32 zero = 0;
  struct allowance* allowance_ = bpf_map_lookup_elem(&allowance, &zero);
  if (!allowance_) return 0;
  u64 second = now / 1000000000ull;
  if (allowance_->second != second) {
    allowance_->second = second;
    allowance_->left = DROPS_PER_SECOND;
  }
  if (allowance_->left == 0) return 0;
  allowance_->left -= 1;
  return 1;
}

/* Its answer must be compared with NULL once only: the verifier of Linux 6.1 doesn't
 * remember the first time, and believes that the event may be lost. */
static __always_inline struct event* event_begin(void) { return bpf_ringbuf_reserve(&events, sizeof(struct event), 0); }
static __always_inline void event_lost(void) {
  struct common* all = get_common();
  if (all) __sync_fetch_and_add(&all->events_lost, 1);
}

static __always_inline u64 tni_number(u32 slot) {
  struct tni* tni = slot ? bpf_map_lookup_elem(&tnis, &slot) : NULL;
  return tni ? tni->id : 0;
}
static __always_inline u64 vpc_number(u32 slot) {
  struct vpc* vpc = bpf_map_lookup_elem(&vpcs, &slot);
  return vpc ? vpc->id : 0;
}
static __always_inline u64 rule_number(u32 slot) {
  struct rule* rule = slot ? bpf_map_lookup_elem(&rules, &slot) : NULL;
  return rule ? rule->id : 0;
}

/* weftd reads the ring every few milliseconds anyway: no wake-up for each. */
static __always_inline void event_packet(const struct packet* packet, u8 kind, u32 reason, u32 tni, u64 rule) {
  if (!may_report(packet->now)) return;
  struct event* event = event_begin();
  if (!event) return event_lost();
  __builtin_memset(event, 0, sizeof *event);
  event->time = packet->now;
  event->rule = rule;
  event->tni = tni_number(tni ? tni : packet->tni);
  event->vpc = vpc_number(packet->vpc);
  event->packets[0] = 1;
  event->bytes[0] = packet->length;
  event->source = packet->source;
  event->target = packet->target;
  event->source_port = packet->source_port;
  event->target_port = packet->target_port;
  event->protocol = packet->protocol;
  event->kind = kind;
  event->reason = (u8)reason;
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline void event_flow_end(const struct flow_key* key, const struct flow* flow, u64 now) {
  struct event* event = event_begin();
  if (!event) return event_lost();
  u32 from_b = flow->initiator;
  __builtin_memset(event, 0, sizeof *event);
  event->time = now;
  event->rule = flow->rule;
  event->tni = tni_number(flow->owner);
  event->vpc = vpc_number(key->vpc);
  event->started = flow->started;
  event->packets[0] = from_b ? flow->end[1].packets : flow->end[0].packets;
  event->packets[1] = from_b ? flow->end[0].packets : flow->end[1].packets;
  event->bytes[0] = from_b ? flow->end[1].bytes : flow->end[0].bytes;
  event->bytes[1] = from_b ? flow->end[0].bytes : flow->end[1].bytes;
  event->source = from_b ? key->b : key->a;
  event->target = from_b ? key->a : key->b;
  event->source_port = from_b ? key->b_port : key->a_port;
  event->target_port = from_b ? key->a_port : key->b_port;
  event->protocol = key->protocol;
  event->kind = EVENT_FLOW_END;
  event->reason = REASON_Established;
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}
