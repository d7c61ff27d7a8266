/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * From the bytes of a packet to struct packet, or a reason to drop it. Nothing
 * here trusts a length: each header is checked against what the packet has.
 */
#pragma once

#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "bpf/maps.h"

#define FRAGMENT_LIFE (5ull * 1000000000)
#define IPV4_MORE 0x2000
#define IPV4_OFFSET 0x1fff

#define NEXT_HOP_OPTIONS 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_AUTHENTICATION 51
#define NEXT_NONE 59
#define NEXT_DESTINATION 60

/* The header at an offset of the packet: 0, or the packet is too short. Straight
 * from memory where it lies there in one piece, which it nearly always does. */
#define load_header(skb, at, to)                                            \
  ({                                                                        \
    u32 place = (at);                                                       \
    int result = 0;                                                         \
    barrier_var(place); /* or the verifier forgets the comparison */        \
    const typeof(*(to))* there = (void*)(long)(skb)->data + place;          \
    if (place < 1024 && (void*)(there + 1) <= (void*)(long)(skb)->data_end) \
      *(to) = *there;                                                       \
    else                                                                    \
      result = (int)bpf_skb_load_bytes(skb, at, to, sizeof *(to));          \
    result;                                                                 \
  })

static __always_inline void map_v4(struct address* out, be32 v4) {
  u32* words = (u32*)out;
  words[0] = words[1] = 0;
  words[2] = bpf_htonl(0xffff);
  words[3] = v4;
}

/* What no host has: 224.0.0.0/4 and what is reserved behind it, this host, loopback
 * (RFC 1122 3.2.1.3). Known by the first byte. */
static __always_inline int check_v4_source(u8 first) {
  return first >= 0xe0 || first == 0 || first == 127 ? REASON_SourceCheck : CONTINUE;
}
static __always_inline int check_v4_target(u8 first) {
  if (first >= 0xe0) return REASON_Multicast;
  return first == 0 || first == 127 ? REASON_NoRoute : CONTINUE;
}
/* What both say together: a host that has no address yet may ask many. */
static __always_inline int check_both(int source, int target) {
  return source == CONTINUE || target == REASON_Multicast ? target : source;
}

static __always_inline int parse_v4(struct __sk_buff* skb, struct packet* packet, struct layer* layer) {
  struct iphdr ip;
  if (load_header(skb, ETH_LENGTH, &ip) != 0) return REASON_Malformed;
  u32 header = ip.ihl * 4u, total = bpf_ntohs(ip.tot_len);
  if (ip.version != 4 || header < sizeof ip || total < header || total + ETH_LENGTH > skb->len) {
    return REASON_Malformed;
  }
  u16 fragment = bpf_ntohs(ip.frag_off);
  u8 from = (u8)(bpf_ntohl(ip.saddr) >> 24), to = (u8)(bpf_ntohl(ip.daddr) >> 24);
  map_v4(&packet->source, ip.saddr);
  map_v4(&packet->target, ip.daddr);
  packet->length = total;
  layer->offset = ETH_LENGTH + header;
  layer->protocol = ip.protocol;
  layer->id = ip.id;
  layer->first = fragment & IPV4_OFFSET;
  layer->units = (u16)((total - header + 7) / 8);
  layer->fragment = (fragment & (IPV4_MORE | IPV4_OFFSET)) != 0;
  layer->more = (fragment & IPV4_MORE) != 0;
  layer->version = 4;
  /* Only the last piece may have a length that is no multiple of 8. */
  if ((fragment & IPV4_MORE) && (total - header) % 8 != 0) return REASON_Malformed;
  return check_both(check_v4_source(from), check_v4_target(to));
}

/* What never is on a wire (RFC 4291 2.5.2, 2.5.3, 2.5.5): unspecified, loopback, and
 * mapped addresses, which stand for IPv4 in all tables. */
static __always_inline int is_no_v6(const u8* address) {
  const u64* high = (const u64*)address;
  const u32* words = (const u32*)address;
  if (high[0] != 0) return 0;
  return words[2] == bpf_htonl(0xffff) || (words[2] == 0 && (words[3] == 0 || words[3] == bpf_htonl(1)));
}

static __always_inline int check_v6_source(const u8* from) {
  return from[0] == 0xff || is_no_v6(from) ? REASON_SourceCheck : CONTINUE;
}
static __always_inline int check_v6_target(const u8* to) {
  if (to[0] == 0xff) return REASON_Multicast;
  return is_no_v6(to) ? REASON_NoRoute : CONTINUE;
}

struct extension {
  u8 next;
  u8 length;
  be16 offset; /* of a fragment header: offset and flags */
  be32 id;
};

static __always_inline int parse_v6(struct __sk_buff* skb, struct packet* packet, struct layer* layer) {
  struct ipv6hdr ip;
  if (load_header(skb, ETH_LENGTH, &ip) != 0) return REASON_Malformed;
  u32 total = sizeof ip + bpf_ntohs(ip.payload_len);
  if (ip.version != 6 || total + ETH_LENGTH > skb->len) return REASON_Malformed;
  __builtin_memcpy(&packet->source, &ip.saddr, 16);
  __builtin_memcpy(&packet->target, &ip.daddr, 16);
  packet->length = total;
  layer->fragment = 0;
  layer->version = 6;
  u32 at = sizeof ip;
  u8 next = ip.nexthdr;
  int done = 0;
  for (int i = 0; i < MOST_EXTENSIONS && !done; ++i) {
    struct extension extension;
    if (next != NEXT_HOP_OPTIONS && next != NEXT_ROUTING && next != NEXT_DESTINATION && next != NEXT_FRAGMENT &&
        next != NEXT_AUTHENTICATION) {
      done = 1;
      break;
    }
    if (at + 8 > total || bpf_skb_load_bytes(skb, ETH_LENGTH + at, &extension, 8) != 0) return REASON_Malformed;
    if (next == NEXT_FRAGMENT) {
      u16 offset = bpf_ntohs(extension.offset);
      if (layer->fragment) return REASON_Malformed;
      layer->fragment = (offset & ~6u) != 0; /* an atomic fragment is a whole (RFC 6946) */
      layer->id = extension.id;
      layer->first = offset >> 3;
      layer->more = offset & 1;
      layer->units = (u16)((total - at - 8 + 7) / 8);
      if ((offset & 1) && (total - at - 8) % 8 != 0) return REASON_Malformed;
      at += 8;
      next = extension.next;
      if (layer->first != 0) done = 1; /* what follows is data */
    } else {
      at += next == NEXT_AUTHENTICATION ? (extension.length + 2u) * 4 : (extension.length + 1u) * 8;
      next = extension.next;
    }
  }
  if (!done && (next == NEXT_HOP_OPTIONS || next == NEXT_ROUTING || next == NEXT_DESTINATION || next == NEXT_FRAGMENT ||
                next == NEXT_AUTHENTICATION)) {
    return REASON_ExtensionHeaders;
  }
  if (at > total) return REASON_Malformed;
  layer->offset = ETH_LENGTH + at;
  layer->protocol = next;
  return check_both(check_v6_source(ip.saddr.in6_u.u6_addr8), check_v6_target(ip.daddr.in6_u.u6_addr8));
}

static __always_inline int is_icmp_error(u8 protocol, u8 type) {
  if (protocol == IPPROTO_ICMP) return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
  return type >= 1 && type <= 4;
}
/* What kind of ICMP it is. An echo has code 0 (RFC 792, RFC 4443 4.1). */
static __always_inline u8 icmp_flag(u8 protocol, u8 type, u8 code) {
  if (code != 0) return PACKET_ICMP_OTHER;
  if (type == (protocol == IPPROTO_ICMP ? 8 : 128)) return PACKET_ECHO_REQUEST;
  if (type == (protocol == IPPROTO_ICMP ? 0 : 129)) return PACKET_ECHO_REPLY;
  return PACKET_ICMP_OTHER;
}

/* The packet inside an ICMP error; absent or odd: the error stands for itself. */
static __always_inline void parse_inner(struct __sk_buff* skb, struct packet* packet, u32 at) {
  struct address source;
  u32 header;
  if (packet->protocol == IPPROTO_ICMP) {
    struct iphdr ip;
    if (bpf_skb_load_bytes(skb, at, &ip, sizeof ip) != 0) return;
    header = ip.ihl * 4u;
    if (ip.version != 4 || header < sizeof ip || (bpf_ntohs(ip.frag_off) & IPV4_OFFSET)) return;
    map_v4(&source, ip.saddr);
    map_v4(&packet->inner_target, ip.daddr);
    packet->inner_protocol = ip.protocol;
  } else {
    struct ipv6hdr ip;
    if (bpf_skb_load_bytes(skb, at, &ip, sizeof ip) != 0 || ip.version != 6) return;
    header = sizeof ip;
    __builtin_memcpy(&source, &ip.saddr, 16);
    __builtin_memcpy(&packet->inner_target, &ip.daddr, 16);
    packet->inner_protocol = ip.nexthdr;
  }
  const u64 *x = (const u64*)&source, *y = (const u64*)&packet->target;
  if (x[0] != y[0] || x[1] != y[1]) return;
  be16 words[4] = {};
  if (bpf_skb_load_bytes(skb, at + header, words, 8) != 0) return;
  if (packet->inner_protocol == IPPROTO_TCP || packet->inner_protocol == IPPROTO_UDP) {
    packet->inner_source_port = words[0];
    packet->inner_target_port = words[1];
  } else if (packet->inner_protocol == packet->protocol) {
    u8 kind = icmp_flag(packet->protocol, ((u8*)words)[0], ((u8*)words)[1]);
    if (kind == PACKET_ICMP_OTHER) return;
    packet->flags |= kind == PACKET_ECHO_REQUEST ? PACKET_INNER_REQUEST : PACKET_INNER_REPLY;
    packet->inner_source_port = packet->inner_target_port = words[2]; /* an echo's id */
  }
  packet->flags |= PACKET_ICMP_ERROR;
}

/* What is read of the transport headers. */
struct ports {
  be16 source, target;
};
struct tcp_start {
  struct ports ports;
  be16 numbers[4];
  u8 offset, flags;
};
struct icmp_start {
  u8 type, code;
  be16 sum, id, sequence;
};

static __always_inline int parse_transport(struct __sk_buff* skb, struct packet* packet, const struct layer* layer,
                                           u32 left) {
  u32 at = layer->offset;
  struct ports ports;
  switch (layer->protocol) {
    case IPPROTO_TCP: {
      struct tcp_start tcp;
      if (left < 20 || load_header(skb, at, &tcp) != 0) return REASON_Malformed;
      packet->tcp_flags = tcp.flags;
      ports = tcp.ports;
      break;
    }
    case IPPROTO_UDP:
      if (left < 8 || load_header(skb, at, &ports) != 0) return REASON_Malformed;
      break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
      struct icmp_start icmp;
      if ((layer->protocol == IPPROTO_ICMP) != (layer->version == 4)) return REASON_Malformed;
      if (left < 8 || load_header(skb, at, &icmp) != 0) return REASON_Malformed;
      u8 type = icmp.type;
      packet->selector = *(be16*)&icmp; /* type and code */
      packet->source_port = packet->target_port = icmp.id;
      packet->flags |= icmp_flag(layer->protocol, type, icmp.code);
      if (packet->flags & PACKET_ICMP_OTHER) packet->source_port = packet->target_port = packet->selector;
      if (is_icmp_error(layer->protocol, type)) parse_inner(skb, packet, at + 8);
      return CONTINUE;
    }
    default: return CONTINUE;
  }
  packet->source_port = ports.source;
  packet->target_port = ports.target;
  packet->selector = ports.target;
  return CONTINUE;
}

static __always_inline int overlaps(struct datagram* datagram, u16 first, u16 last) {
  for (u32 i = 0; i < MOST_PIECES; ++i) {
    if (i >= datagram->count) break;
    if (first < datagram->pieces[i].last && datagram->pieces[i].first < last) return 1;
  }
  return 0;
}

/* One more datagram in pieces of this sender (0: of all gateways), if it may. */
static __always_inline int count_datagram(u32 tni, u64 now) {
  struct datagram_count* count = bpf_map_lookup_elem(&datagram_counts, &tni);
  if (!count) return 0;
  if (now - count->since >= FRAGMENT_LIFE) {
    count->since = now;
    count->open = 0;
  }
  if (count->open >= MOST_OPEN_DATAGRAMS) return 0;
  count->open += 1;
  return 1;
}
static __always_inline void count_complete(u32 tni) {
  struct datagram_count* count = bpf_map_lookup_elem(&datagram_counts, &tni);
  if (count && count->open > 0) count->open -= 1;
}

/* The first piece leaves for the others what they don't say themselves. */
static __always_inline int begin_datagram(struct scratch* s) {
  const struct packet* packet = &s->packet;
  struct datagram* fresh = &s->datagram;
  if (!count_datagram(packet->tni, packet->now)) return REASON_FragmentTable;
  fresh->expires = packet->now + FRAGMENT_LIFE;
  fresh->source_port = packet->source_port;
  fresh->target_port = packet->target_port;
  fresh->selector = packet->selector;
  fresh->protocol = packet->protocol;
  fresh->flags = packet->flags & (PACKET_ICMP_OTHER | PACKET_ECHO_REQUEST | PACKET_ECHO_REPLY);
  fresh->count = 1;
  fresh->units = s->layer.units;
  fresh->total = 0;
  fresh->zero = 0;
  fresh->pieces[0].first = 0;
  fresh->pieces[0].last = s->layer.units;
  return bpf_map_update_elem(&datagrams, &s->datagram_key, fresh, BPF_NOEXIST) == 0 ? CONTINUE : REASON_FragmentTable;
}

__noinline int follow_fragments(void) {
  struct scratch* s = get_scratch(SCRATCH_PACKET);
  if (!s) return REASON_Malformed;
  struct packet* packet = &s->packet;
  const struct layer* layer = &s->layer;
  struct datagram_key* key = &s->datagram_key;
  u32 first = layer->first, last = first + layer->units;
  if (layer->units == 0 || last > 8192) return REASON_Malformed;
  __builtin_memset(key, 0, sizeof *key);
  key->tni = packet->tni ? packet->tni : (packet->vpc | 1u << 31);
  key->id = layer->id;
  key->source = packet->source;
  key->target = packet->target;
  key->protocol = layer->version == 4 ? layer->protocol : 0;
  struct datagram* known = bpf_map_lookup_elem(&datagrams, key);
  if (known && known->expires <= packet->now) {
    bpf_map_delete_elem(&datagrams, key);
    known = NULL;
  }
  if (!known) return first == 0 ? begin_datagram(s) : REASON_FragmentEarly;
  u32 count = known->count, total = known->total;
  if (overlaps(known, (u16)first, (u16)last)) return REASON_FragmentOverlap;
  if (total != 0 && (!layer->more || last > total)) return REASON_FragmentOverlap;
  if (count >= MOST_PIECES) return REASON_FragmentTable;
  known->pieces[count].first = (u16)first;
  known->pieces[count].last = (u16)last;
  known->count = (u16)(count + 1);
  known->units += layer->units;
  if (!layer->more) known->total = (u16)last;
  packet->source_port = known->source_port;
  packet->target_port = known->target_port;
  packet->selector = known->selector;
  packet->protocol = known->protocol;
  packet->flags |= known->flags;
  /* Complete: its id may be used again at once. */
  if (known->total != 0 && known->units == known->total) {
    bpf_map_delete_elem(&datagrams, key);
    count_complete(packet->tni);
  }
  return CONTINUE;
}

/* CONTINUE when s->packet is filled, else a reason. */
static __always_inline int parse(struct __sk_buff* skb, struct scratch* s) {
  if (!s) return REASON_Malformed;
  struct packet* packet = &s->packet;
  struct layer* layer = &s->layer;
  int answer;
  __builtin_memset(layer, 0, sizeof *layer);
  if (skb->vlan_present) return REASON_NotIp;
  if (skb->protocol == bpf_htons(ETH_P_IP)) {
    answer = parse_v4(skb, packet, layer);
  } else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
    answer = parse_v6(skb, packet, layer);
  } else {
    return REASON_NotIp;
  }
  packet->protocol = layer->protocol;
  if (answer != CONTINUE) return answer;
  u32 left = packet->length + ETH_LENGTH - layer->offset;
  if (!layer->fragment) return parse_transport(skb, packet, layer, left);
  if (layer->first == 0) {
    answer = parse_transport(skb, packet, layer, left);
    if (answer == REASON_Malformed) return REASON_FragmentTiny;
    if (answer != CONTINUE) return answer;
  }
  return follow_fragments();
}
