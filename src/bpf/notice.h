/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * A packet turned into the word that it doesn't pass: a TCP reset (RFC 9293 3.5.2), or
 * ICMP "administratively prohibited" (RFC 1812 5.2.7.1, RFC 4443 3.1). It has a plain IP
 * header, and is no piece of a datagram.
 */
#pragma once

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "bpf/checksum.h"

#define NOTICE_HOPS 64

/* One of the two ways that the notice about a packet may go. */
struct notice_way {
  const struct address *from, *to;
  be16 from_port, to_port;
};

static __always_inline u32 ip_length(u32 version) {
  return version == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static __always_inline int write_ip(struct __sk_buff* skb, u32 version, const struct notice_way* way, u8 protocol,
                                    u32 length) {
  if (version == 4) {
    struct iphdr ip = {.version = 4,
                       .ihl = 5,
                       .tot_len = bpf_htons((u16)(sizeof ip + length)),
                       .frag_off = bpf_htons(0x4000),
                       .ttl = NOTICE_HOPS,
                       .protocol = protocol};
    __builtin_memcpy(&ip.saddr, &way->from->bytes[12], 4);
    __builtin_memcpy(&ip.daddr, &way->to->bytes[12], 4);
    ip.check = (u16)~fold(sum_of(&ip, sizeof ip, 0));
    return (int)bpf_skb_store_bytes(skb, ETH_LENGTH, &ip, sizeof ip, BPF_F_RECOMPUTE_CSUM);
  }
  struct ipv6hdr ip = {
      .version = 6, .payload_len = bpf_htons((u16)length), .nexthdr = protocol, .hop_limit = NOTICE_HOPS};
  __builtin_memcpy(&ip.saddr, way->from, 16);
  __builtin_memcpy(&ip.daddr, way->to, 16);
  return (int)bpf_skb_store_bytes(skb, ETH_LENGTH, &ip, sizeof ip, BPF_F_RECOMPUTE_CSUM);
}

/* Makes the packet a reset. Whether the kernel shall still complete its checksum
 * can't be seen from here: it takes what the field holds for the sum of the pseudo
 * header then. So the window, which nobody reads in a reset, is chosen such that
 * this sum is the checksum, and the field is right in both cases. */
static __always_inline int write_reset(struct __sk_buff* skb, u32 version, const struct notice_way* way, be32 sequence,
                                       be32 acknowledged, u32 acknowledges) {
  struct tcphdr tcp = {.source = way->from_port,
                       .dest = way->to_port,
                       .seq = sequence,
                       .ack_seq = acknowledges ? acknowledged : 0,
                       .doff = 5,
                       .rst = 1,
                       .ack = acknowledges ? 1 : 0};
  u16 pseudo = fold(pseudo_sum(way->from, way->to, IPPROTO_TCP, sizeof tcp));
  tcp.window = (u16)~fold(sum_of(&tcp, sizeof tcp, (u32)pseudo + pseudo));
  tcp.check = pseudo;
  if (write_ip(skb, version, way, IPPROTO_TCP, sizeof tcp) != 0) return -1;
  return (int)bpf_skb_store_bytes(skb, ETH_LENGTH + ip_length(version), &tcp, sizeof tcp, BPF_F_RECOMPUTE_CSUM);
}

/* The reset that answers a segment which had these numbers: without ACK it was a SYN. */
static __always_inline int write_reset_back(struct __sk_buff* skb, u32 version, const struct notice_way* back,
                                            be32 sequence, be32 acknowledged, u32 acknowledges) {
  be32 after = bpf_htonl(bpf_ntohl(sequence) + 1);
  return write_reset(skb, version, back, acknowledges ? acknowledged : 0, after, !acknowledges);
}

/* Makes the packet of that protocol the ICMP error about itself. Among those that fit it
 * is the one that programs hear of even if they don't ask for errors. Where the kernel
 * still completes the checksum of the datagram that it was, that falls into the error's
 * unused field: as a zero of IPv4; of IPv6, where the sum has a pseudo header, as the sum
 * of that. So it is there from the beginning. */
static __always_inline int write_prohibited(struct __sk_buff* skb, u32 version, u8 protocol,
                                            const struct notice_way* way) {
  u32 v4 = version == 4;
  struct {
    u8 type, code;
    u16 sum;
    u16 unused[2];
    u8 quote[sizeof(struct ipv6hdr) + 8];
  } icmp = {.type = v4 ? 3 : 1, .code = v4 ? 13 : 1};
  u32 quoted = ip_length(version) + 8, length = 8 + quoted;
  if (v4) {
    if (bpf_skb_load_bytes(skb, ETH_LENGTH, icmp.quote, sizeof(struct iphdr) + 8) != 0) return -1;
    icmp.sum = (u16)~fold(sum_of(&icmp, sizeof icmp, 0));
  } else {
    if (bpf_skb_load_bytes(skb, ETH_LENGTH, icmp.quote, sizeof icmp.quote) != 0) return -1;
    u16 pseudo = fold(pseudo_sum(way->from, way->to, IPPROTO_ICMPV6, sizeof icmp));
    if (protocol == IPPROTO_UDP) icmp.unused[1] = pseudo;
    icmp.sum = (u16)~fold(sum_of(&icmp, sizeof icmp, pseudo));
  }
  if (bpf_skb_change_tail(skb, ETH_LENGTH + ip_length(version) + length, 0) != 0) return -1;
  if (write_ip(skb, version, way, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, length) != 0) return -1;
  if (v4) {
    return (int)bpf_skb_store_bytes(skb, ETH_LENGTH + sizeof(struct iphdr), &icmp, 8 + sizeof(struct iphdr) + 8,
                                    BPF_F_RECOMPUTE_CSUM);
  }
  return (int)bpf_skb_store_bytes(skb, ETH_LENGTH + sizeof(struct ipv6hdr), &icmp, sizeof icmp, BPF_F_RECOMPUTE_CSUM);
}
