/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Which gateway a packet at the machine's border belongs to. What is not
 * understood belongs to none, and is the machine's own business.
 */
#pragma once

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "bpf/border_maps.h"

#define TRAIN_LIFE (5ull * 1000000000)
#define IPV4_MORE 0x2000
#define IPV4_OFFSET 0x1fff
#define NEXT_FRAGMENT 44

/* `near` is what may be ours: the packet's target; of an ICMP error, the source
 * of the packet that it tells about. */
struct ends {
  struct address source;
  struct address target;
  struct address near;
  u32 offset; /* of the transport header, from the network header */
  u32 id;
  be16 near_port;   /* of an echo's answer: its id */
  u8 near_protocol; /* 0: no port is known */
  u8 protocol;
  u8 first; /* 1: the first piece of a datagram, more follow */
  u8 later; /* 1: a later piece */
  u8 zero[2];
};

static __always_inline long load(struct __sk_buff* skb, u32 at, void* to, u32 length) {
  return bpf_skb_load_bytes_relative(skb, at, to, length, BPF_HDR_START_NET);
}

static __always_inline void map_v4(struct address* out, be32 v4) {
  u32* words = (u32*)out;
  words[0] = words[1] = 0;
  words[2] = bpf_htonl(0xffff);
  words[3] = v4;
}

static __always_inline int parse_v4(struct __sk_buff* skb, struct ends* ends) {
  struct iphdr ip;
  if (load(skb, 0, &ip, sizeof ip) != 0 || ip.version != 4 || ip.ihl < 5) return -1;
  u16 fragment = bpf_ntohs(ip.frag_off);
  map_v4(&ends->source, ip.saddr);
  map_v4(&ends->target, ip.daddr);
  ends->offset = ip.ihl * 4u;
  ends->id = ip.id;
  ends->protocol = ip.protocol;
  ends->later = (fragment & IPV4_OFFSET) != 0;
  ends->first = !ends->later && (fragment & IPV4_MORE) != 0;
  return 0;
}

struct fragment {
  u8 next;
  u8 zero;
  be16 offset;
  be32 id;
};

/* Of the extension headers only that of a fragment is walked: nothing that
 * passes a gateway has others. */
static __always_inline int parse_v6(struct __sk_buff* skb, struct ends* ends) {
  struct ipv6hdr ip;
  if (load(skb, 0, &ip, sizeof ip) != 0 || ip.version != 6) return -1;
  __builtin_memcpy(&ends->source, &ip.saddr, 16);
  __builtin_memcpy(&ends->target, &ip.daddr, 16);
  ends->offset = sizeof ip;
  ends->protocol = ip.nexthdr;
  if (ip.nexthdr != NEXT_FRAGMENT) return 0;
  struct fragment fragment;
  if (load(skb, sizeof ip, &fragment, sizeof fragment) != 0) return -1;
  u16 offset = bpf_ntohs(fragment.offset);
  ends->offset += sizeof fragment;
  ends->protocol = fragment.next;
  ends->id = fragment.id;
  ends->later = (offset >> 3) != 0;
  ends->first = !ends->later && (offset & 1) != 0;
  return 0;
}

/* The source of the packet inside an ICMP error. */
static __always_inline int parse_told(struct __sk_buff* skb, struct ends* ends, u32 at) {
  be16 words[3];
  if (ends->protocol == IPPROTO_ICMP) {
    struct iphdr ip;
    if (load(skb, at, &ip, sizeof ip) != 0 || ip.version != 4 || ip.ihl < 5) return -1;
    if (bpf_ntohs(ip.frag_off) & IPV4_OFFSET) return -1;
    map_v4(&ends->near, ip.saddr);
    ends->near_protocol = ip.protocol;
    at += ip.ihl * 4u;
  } else {
    struct ipv6hdr ip;
    if (load(skb, at, &ip, sizeof ip) != 0 || ip.version != 6) return -1;
    __builtin_memcpy(&ends->near, &ip.saddr, 16);
    ends->near_protocol = ip.nexthdr;
    at += sizeof ip;
  }
  if (load(skb, at, words, sizeof words) != 0) return -1;
  u8 protocol = ends->near_protocol;
  if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
    ends->near_port = words[0];
  } else if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
    ends->near_port = words[2];
  } else {
    ends->near_protocol = 0;
  }
  return 0;
}

static __always_inline int parse_icmp(struct __sk_buff* skb, struct ends* ends) {
  be16 words[3];
  if (load(skb, ends->offset, words, sizeof words) != 0) return -1;
  u8 type = ((u8*)words)[0];
  int v4 = ends->protocol == IPPROTO_ICMP;
  if (type == (v4 ? 0 : 129)) {
    ends->near_protocol = ends->protocol;
    ends->near_port = words[2];
    return 0;
  }
  int tells = v4 ? type == 3 || type == 11 || type == 12 : type >= 1 && type <= 4;
  return tells ? parse_told(skb, ends, ends->offset + 8) : 0;
}

/* 0 when `ends` is filled. */
static __always_inline int parse_ends(struct __sk_buff* skb, struct ends* ends) {
  int answer = -1;
  if (skb->protocol == bpf_htons(ETH_P_IP)) answer = parse_v4(skb, ends);
  if (skb->protocol == bpf_htons(ETH_P_IPV6)) answer = parse_v6(skb, ends);
  if (answer != 0) return answer;
  ends->near = ends->target;
  if (ends->later) return 0;
  if (ends->protocol == IPPROTO_ICMP || ends->protocol == IPPROTO_ICMPV6) return parse_icmp(skb, ends);
  if (ends->protocol != IPPROTO_TCP && ends->protocol != IPPROTO_UDP) return 0;
  be16 ports[2];
  if (load(skb, ends->offset, ports, sizeof ports) != 0) return -1;
  ends->near_port = ports[1];
  ends->near_protocol = ends->protocol;
  return 0;
}

static __always_inline void train_key_of(struct train_key* key, const struct ends* ends) {
  key->id = ends->id;
  key->source = ends->source;
  key->target = ends->target;
  key->protocol = ends->protocol;
}

static __always_inline u32 owner_of_train(const struct ends* ends) {
  struct train_key key = {};
  train_key_of(&key, ends);
  struct train* train = bpf_map_lookup_elem(&trains, &key);
  return train && bpf_ktime_get_boot_ns() < train->expires ? train->gateway : 0;
}

static __always_inline void lead_train(const struct ends* ends, u32 gateway) {
  struct train_key key = {};
  train_key_of(&key, ends);
  struct train train = {.expires = bpf_ktime_get_boot_ns() + TRAIN_LIFE, .gateway = gateway};
  bpf_map_update_elem(&trains, &key, &train, BPF_ANY);
}

static __always_inline u32 owner_of_port(const struct ends* ends) {
  if (ends->near_protocol == IPPROTO_TCP || ends->near_protocol == IPPROTO_UDP) {
    struct publication* publication = find_publication(&ends->near, ends->near_port, ends->near_protocol);
    if (publication) return publication->gateway;
  }
  u32 chunk = bpf_ntohs(ends->near_port) >> PORT_CHUNK_BITS;
  u32* gateway = bpf_map_lookup_elem(&port_chunks, &chunk);
  return gateway ? *gateway : 0;
}

/* The slot of the gateway that the packet is for; 0: none. */
static __always_inline u32 owner_of(const struct ends* ends) {
  if (ends->later) return owner_of_train(ends);
  struct machine_address* machine = bpf_map_lookup_elem(&machine_addresses, &ends->near);
  u32 owner = 0;
  if (machine && machine->kind == MACHINE_OUTSIDE) {
    owner = ends->near_protocol ? owner_of_port(ends) : 0;
  } else if (!machine || machine->kind == MACHINE_TNI) {
    struct routed_key key = {.prefix_length = 128, .address = ends->near};
    struct routed* routed = bpf_map_lookup_elem(&routed_ranges, &key);
    owner = routed ? routed->gateway : 0;
  }
  if (owner && ends->first) lead_train(ends, owner);
  return owner;
}
