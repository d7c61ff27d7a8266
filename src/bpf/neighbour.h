/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * ARP and neighbour discovery are answered here, never flooded: whoever is asked
 * for, the answer is the router (RFC 826, RFC 4861). Only for its own addresses
 * a TNI gets none, so that its duplicate address detection finds nobody.
 */
#pragma once

#include <linux/icmpv6.h>
#include <linux/ipv6.h>

#include "bpf/checksum.h"
#include "bpf/deliver.h"
#include "bpf/judge.h"
#include "bpf/parse.h"

#define ARPHRD_ETHER 1
#define ARPOP_REQUEST 1
#define ARPOP_REPLY 2

struct arp {
  be16 hardware, protocol;
  u8 hardware_length, protocol_length;
  be16 operation;
  u8 sender_mac[6], sender_ip[4], target_mac[6], target_ip[4];
} __attribute__((packed));

struct solicitation {
  struct icmp6hdr icmp;
  struct address target;
  u8 option, option_length;
  u8 mac[6];
};

static __always_inline int is_own(const struct tni* tni, u32 vpc, const struct address* address) {
  struct endpoint* holder = find_endpoint(vpc, address);
  if (!holder || holder->kind != ENDPOINT_TNI) return 0;
  u32 slot = holder->tni;
  struct tni* of = bpf_map_lookup_elem(&tnis, &slot);
  return of && of->id == tni->id;
}

static __always_inline int answer_arp(struct __sk_buff* skb, const struct tni* tni) {
  const u8 router[6] = ROUTER_MAC;
  struct arp arp;
  struct address target;
  if (bpf_skb_load_bytes(skb, ETH_LENGTH, &arp, sizeof arp) != 0) return REASON_Malformed;
  if (arp.hardware != bpf_htons(ARPHRD_ETHER) || arp.protocol != bpf_htons(ETH_P_IP) || arp.hardware_length != 6 ||
      arp.protocol_length != 4 || arp.operation != bpf_htons(ARPOP_REQUEST)) {
    return REASON_Neighbour;
  }
  be32 wanted, asker;
  __builtin_memcpy(&wanted, arp.target_ip, 4);
  __builtin_memcpy(&asker, arp.sender_ip, 4);
  map_v4(&target, wanted);
  /* Nobody asks: a probe for a duplicate (RFC 5227). */
  if (asker == 0 || is_own(tni, tni->vpc, &target)) return REASON_Neighbour;
  arp.operation = bpf_htons(ARPOP_REPLY);
  __builtin_memcpy(arp.target_ip, arp.sender_ip, 4);
  __builtin_memcpy(arp.target_mac, arp.sender_mac, 6);
  __builtin_memcpy(arp.sender_ip, &wanted, 4);
  __builtin_memcpy(arp.sender_mac, router, 6);
  if (bpf_skb_store_bytes(skb, ETH_LENGTH, &arp, sizeof arp, 0) != 0) return REASON_Malformed;
  return set_macs(skb, arp.target_mac) == 0 ? REASON_Answered : REASON_Malformed;
}

/* Turns a neighbour solicitation into the router's advertisement, in place. */
static __always_inline int answer_solicitation(struct __sk_buff* skb, const struct tni* tni, struct ipv6hdr* ip) {
  const u8 router[6] = ROUTER_MAC;
  struct solicitation nd;
  /* Without its source's MAC as an option it is a probe for a duplicate. */
  if (bpf_ntohs(ip->payload_len) != sizeof nd || ip->hop_limit != 255) return REASON_Neighbour;
  if (is_no_v6(ip->saddr.in6_u.u6_addr8)) return REASON_Neighbour;
  if (bpf_skb_load_bytes(skb, ETH_LENGTH + sizeof *ip, &nd, sizeof nd) != 0) return REASON_Neighbour;
  if (nd.icmp.icmp6_code != 0 || nd.option != 1 || nd.option_length != 1) return REASON_Neighbour;
  if (nd.target.bytes[0] == 0xff || is_own(tni, tni->vpc, &nd.target)) return REASON_Neighbour;
  __builtin_memcpy(&ip->daddr, &ip->saddr, 16);
  __builtin_memcpy(&ip->saddr, &nd.target, 16);
  nd.icmp.icmp6_type = 136;
  nd.icmp.icmp6_code = 0;
  nd.icmp.icmp6_cksum = 0;
  nd.icmp.icmp6_dataun.un_data32[0] = bpf_htonl(0xe0000000); /* router, solicited, override */
  nd.option = 2;                                             /* the target's link-layer address */
  __builtin_memcpy(nd.mac, router, 6);
  u32 sum = pseudo_sum((struct address*)&ip->saddr, (struct address*)&ip->daddr, IPPROTO_ICMPV6, sizeof nd);
  nd.icmp.icmp6_cksum = (u16)~fold(sum_of(&nd, sizeof nd, sum));
  if (bpf_skb_store_bytes(skb, ETH_LENGTH, ip, sizeof *ip, 0) != 0 ||
      bpf_skb_store_bytes(skb, ETH_LENGTH + sizeof *ip, &nd, sizeof nd, 0) != 0) {
    return REASON_Malformed;
  }
  return set_macs(skb, tni->mac) == 0 ? REASON_Answered : REASON_Malformed;
}

/* REASON_Answered, CONTINUE for what is no neighbour discovery, or a reason. Of IPv6 it
 * leaves in the packet what it was. */
__noinline int answer_neighbour(struct __sk_buff* skb, const struct tni* tni, struct packet* packet) {
  if (!tni || !packet) return REASON_UnknownDevice;
  if (skb->vlan_present) return REASON_NotIp;
  if (skb->protocol == bpf_htons(ETH_P_ARP)) return answer_arp(skb, tni);
  if (skb->protocol != bpf_htons(ETH_P_IPV6)) return CONTINUE;
  struct ipv6hdr ip;
  u8 type;
  if (load_header(skb, ETH_LENGTH, &ip) != 0 || ip.version != 6) return REASON_Malformed;
  if (ip.nexthdr != IPPROTO_ICMPV6) return CONTINUE;
  if (load_header(skb, ETH_LENGTH + sizeof ip, &type) != 0) return REASON_Malformed;
  if (type < 133 || type > 137) return CONTINUE;
  __builtin_memcpy(&packet->source, &ip.saddr, 16);
  __builtin_memcpy(&packet->target, &ip.daddr, 16);
  packet->protocol = IPPROTO_ICMPV6;
  packet->selector = bpf_htons((u16)(type << 8));
  return type == 135 ? answer_solicitation(skb, tni, &ip) : REASON_Neighbour;
}
