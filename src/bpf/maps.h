/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What the programs share with weftd and with each other. All of it is pinned:
 * it outlives weftd and the programs.
 */
#pragma once

#include "bpf/prelude.h"

#define MAP(name, map_type, map_key, map_value, entries, map_flags_) \
  struct {                                                           \
    __uint(type, map_type);                                          \
    __uint(max_entries, entries);                                    \
    __uint(map_flags, map_flags_);                                   \
    __type(key, map_key);                                            \
    __type(value, map_value);                                        \
  } name SEC(".maps")

/* By a gateway's device: the slot of its VPC. */
MAP(gateways, BPF_MAP_TYPE_HASH, u32, u32, MOST_VPCS, BPF_F_NO_PREALLOC);
/* One that can be mapped begins at a page, so each row is in one line of the cache. */
MAP(tnis, BPF_MAP_TYPE_ARRAY, u32, struct tni, MOST_TNIS, BPF_F_MMAPABLE);
MAP(vpcs, BPF_MAP_TYPE_ARRAY, u32, struct vpc, MOST_VPCS, 0);
MAP(endpoints, BPF_MAP_TYPE_HASH, struct endpoint_key, struct endpoint, MOST_ENDPOINTS, BPF_F_NO_PREALLOC);
MAP(ranges, BPF_MAP_TYPE_LPM_TRIE, struct range_key, u32, MOST_VPCS * 8, BPF_F_NO_PREALLOC);
/* Addresses by which others know the machine; the value means nothing. */
MAP(machine, BPF_MAP_TYPE_HASH, struct address, u32, MOST_KNOWN_OUTSIDE, BPF_F_NO_PREALLOC);

MAP(subnets, BPF_MAP_TYPE_ARRAY, u32, struct subnet, MOST_SUBNETS, 0);
MAP(borders, BPF_MAP_TYPE_ARRAY, u32, struct border, MOST_VPCS, 0);
MAP(routes, BPF_MAP_TYPE_LPM_TRIE, struct route_key, struct route, MOST_ROUTES, BPF_F_NO_PREALLOC);
MAP(acls, BPF_MAP_TYPE_HASH, struct acl_key, struct acl, MOST_ACLS * 2, BPF_F_NO_PREALLOC);
/* By a rule's number: directions of flows that it decided. */
MAP(acl_hits, BPF_MAP_TYPE_HASH, u64, u64, MOST_ACL_HITS, BPF_F_NO_PREALLOC);

MAP(sets, BPF_MAP_TYPE_ARRAY, u32, struct set, MOST_SETS, 0);
MAP(prefixes, BPF_MAP_TYPE_LPM_TRIE, struct prefix_key, struct prefix, MOST_PREFIXES, BPF_F_NO_PREALLOC);
MAP(identities, BPF_MAP_TYPE_HASH, struct identity_key, struct versioned, MOST_IDENTITIES, BPF_F_NO_PREALLOC);
MAP(cells, BPF_MAP_TYPE_LPM_TRIE, struct cell_key, u32, MOST_CELLS, BPF_F_NO_PREALLOC);
MAP(choices, BPF_MAP_TYPE_ARRAY, u32, struct choice, MOST_CHOICES, 0);
MAP(rules, BPF_MAP_TYPE_ARRAY, u32, struct rule, MOST_RULES, 0);

MAP(flows, BPF_MAP_TYPE_HASH, struct flow_key, struct flow, MOST_FLOWS, BPF_F_NO_PREALLOC);
MAP(flow_slots, BPF_MAP_TYPE_ARRAY, u32, struct flow_key, MOST_FLOWS, 0);
MAP(flow_counts, BPF_MAP_TYPE_ARRAY, u32, u32, MOST_TNIS, 0);
MAP(datagrams, BPF_MAP_TYPE_LRU_HASH, struct datagram_key, struct datagram, MOST_DATAGRAMS, 0);
MAP(datagram_counts, BPF_MAP_TYPE_ARRAY, u32, struct datagram_count, MOST_TNIS, 0);

MAP(tni_counters, BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct counters, MOST_TNIS, 0);
MAP(rule_hits, BPF_MAP_TYPE_PERCPU_ARRAY, u32, u64, MOST_RULES, 0);
MAP(reasons, BPF_MAP_TYPE_PERCPU_ARRAY, u32, u64, REASON_COUNT, 0);

/* Slots of flow_slots that were used and are free again. */
struct {
  __uint(type, BPF_MAP_TYPE_QUEUE);
  __uint(max_entries, MOST_FLOWS);
  __type(value, u32);
} flow_free SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 << 20);
} events SEC(".maps");

/* The word that makes a change of policy visible, and for each processor the
 * generation that it is judging a packet by (0: none): when none is below N,
 * nobody sees anything older than N any more. The first generation is 1. */
MAP(common, BPF_MAP_TYPE_ARRAY, u32, struct common, 1, 0);
MAP(generation, BPF_MAP_TYPE_ARRAY, u32, u32, 1, 0);
MAP(judging, BPF_MAP_TYPE_PERCPU_ARRAY, u32, u32, 1, 0);

/* How an end stands now; salt 0: beyond the gateway, or a TNI that isn't
 * attached. */
struct standing {
  u32 salt;
  u32 version; /* another whenever what the rules say of the end may be another */
  u32 border;  /* likewise of routes and ACLs */
  u32 set;
};

/* What the rules of both ends are asked: always about the one who opened it. */
struct question {
  u64 now;
  u64 deadline; /* of the flow, if there is one: what keeps it is over then */
  struct address from;
  struct address to;
  u32 vpc;
  u32 from_tni;
  be16 selector;
  u8 protocol;
  u8 kept; /* FLOW_KEEP_* of the flow */
  u32 zero;
};

/* What they answer. */
struct opinion {
  u64 deadline; /* the earliest of the rules */
  u64 rule;     /* number of the last that was asked and allowed it */
  struct standing from, to;
  u32 rule_out, rule_in; /* slots */
  u32 to_tni;
  u32 denier;
  u32 flags; /* of the flow from now on */
  u32 generation;
  u16 stands_in[2]; /* who sends what isn't its own; who gets what isn't its own. Slots, or 0 */
  u32 zero;
};

/* One packet at the borders between two ends. */
struct crossing {
  struct address from;
  struct address to;
  u32 from_tni, to_tni; /* 0: beyond the gateway */
  u16 selector;         /* by host order */
  u8 protocol;
  u8 zero[5];
  u64 rule; /* that refused it; 0: none allows it */
};

/* Where a packet's payload stands, and which part of its datagram it is. */
struct layer {
  u32 offset; /* of the transport header in the skb */
  u32 id;
  u16 first; /* in units of 8 bytes; 0 for a whole datagram */
  u16 units; /* of this piece, rounded up */
  u8 protocol;
  u8 fragment; /* 1: a piece of a datagram */
  u8 more;     /* 1: not its last one */
  u8 version;  /* 4 or 6 */
};

/* What doesn't fit on the stack of 512 bytes. */
struct scratch {
  struct packet packet;
  struct judgement judgement;
  struct flow_key key;
  struct layer layer;
  struct flow fresh;
  struct question question;
  struct opinion opinion;
  struct crossing crossing;
  struct datagram_key datagram_key;
  struct datagram datagram;
};
/* One for packets, one for probes: a packet may come in the middle of a probe. */
enum { SCRATCH_PACKET, SCRATCH_PROBE, SCRATCH_COUNT };
MAP(scratch, BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct scratch, SCRATCH_COUNT, 0);

/* A function that the verifier looks at by itself, and that hands a piece of the
 * scratch to a map, must ask for it here: Linux 6.1 takes a key or a value for a
 * map out of another map, but not out of memory behind a parameter. */
static __always_inline struct scratch* get_scratch(u32 which) { return bpf_map_lookup_elem(&scratch, &which); }

/* The kernel's clock in ticks is read without a call, which is what a clock costs here.
 * `tick` is the length of one in ns, `tick_zero` the boot time at tick 0: another after
 * each sleep of the machine. It is looked at when the programs are loaded, and by each
 * tick of the sweep. */
const volatile unsigned long long tick = 4000000; /* a type that the skeleton knows, too */
static u64 tick_zero;
static __always_inline void look_at_clocks(void) {
  WRITE_ONCE(tick_zero, bpf_ktime_get_boot_ns() - bpf_jiffies64() * tick);
}

/* Boot time, to a tick. */
static __always_inline u64 boot_time(void) { return bpf_jiffies64() * tick + READ_ONCE(tick_zero); }

static __always_inline struct common* get_common(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&common, &zero);
}

static __always_inline u32 get_generation(void) {
  u32 zero = 0;
  u32* word = bpf_map_lookup_elem(&generation, &zero);
  return word ? READ_ONCE(*word) : 0;
}

static __always_inline void count_reason(u32 reason) {
  u64* count = bpf_map_lookup_elem(&reasons, &reason);
  if (count) *count += 1;
}
