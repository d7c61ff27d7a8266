/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The ends of a flow that was cut are told so: a TCP reset, else ICMP. Whoever
 * sends into it gets the answer; a reset goes to the other end as well, which may
 * never send again. Who sends to where nothing leads is told, too.
 *
 * Only what stands right behind a plain IP header is answered, and never a piece
 * of a datagram, an ICMP error, or a reset by a reset to its sender.
 */
#pragma once

#include "bpf/deliver.h"
#include "bpf/notice.h"
#include "bpf/parse.h"

/* Sends the packet back to the TNI that it came from, straight: the way out of its device
 * may not be open yet. */
static __always_inline int send_back(struct __sk_buff* skb, const u8* sender) {
  if (set_macs(skb, sender) != 0) return TC_ACT_SHOT;
  bpf_skb_change_type(skb, PACKET_HOST);
  return (int)bpf_redirect_peer(skb->ifindex, 0);
}

/* The end of a packet of a new flow to where nothing leads. */
__noinline int tell_sender(struct __sk_buff* skb, struct scratch* s) {
  if (!s) return TC_ACT_SHOT;
  const struct packet* packet = &s->packet;
  const struct layer* layer = &s->layer;
  const struct notice_way back = {&packet->target, &packet->source, packet->target_port, packet->source_port};
  u8 sender[6];
  if (layer->fragment || layer->offset != ETH_LENGTH + ip_length(layer->version)) return TC_ACT_SHOT;
  if (packet->flags & (PACKET_ICMP_OTHER | PACKET_ECHO_REPLY)) return TC_ACT_SHOT;
  if (bpf_skb_load_bytes(skb, 6, sender, sizeof sender) != 0) return TC_ACT_SHOT;
  if (packet->protocol != IPPROTO_TCP) {
    int written = write_prohibited(skb, layer->version, layer->protocol, &back);
    return written == 0 ? send_back(skb, sender) : TC_ACT_SHOT;
  }
  struct {
    be32 sequence, acknowledged;
  } at;
  if ((packet->tcp_flags & TCP_RST) || bpf_skb_load_bytes(skb, layer->offset + 4, &at, sizeof at) != 0) {
    return TC_ACT_SHOT;
  }
  if (bpf_skb_change_tail(skb, layer->offset + sizeof(struct tcphdr), 0) != 0) return TC_ACT_SHOT;
  int written = write_reset_back(skb, layer->version, &back, at.sequence, at.acknowledged, packet->tcp_flags & TCP_ACK);
  return written == 0 ? send_back(skb, sender) : TC_ACT_SHOT;
}

/* The end of a packet of a cut flow, whose other end is at s->judgement.target. */
__noinline int tell_ends(struct __sk_buff* skb, struct scratch* s) {
  if (!s) return TC_ACT_SHOT;
  const struct packet* packet = &s->packet;
  const struct layer* layer = &s->layer;
  const struct notice_way there = {&packet->source, &packet->target, packet->source_port, packet->target_port};
  const struct notice_way back = {&packet->target, &packet->source, packet->target_port, packet->source_port};
  u8 sender[6];
  if (layer->fragment || layer->offset != ETH_LENGTH + ip_length(layer->version)) return TC_ACT_SHOT;
  if (bpf_skb_load_bytes(skb, 6, sender, sizeof sender) != 0) return TC_ACT_SHOT;
  if (packet->protocol == IPPROTO_TCP) {
    struct {
      be32 sequence, acknowledged;
    } at;
    if (bpf_skb_load_bytes(skb, layer->offset + 4, &at, sizeof at) != 0) return TC_ACT_SHOT;
    if (bpf_skb_change_tail(skb, layer->offset + sizeof(struct tcphdr), 0) != 0) return TC_ACT_SHOT;
    u32 acknowledges = packet->tcp_flags & TCP_ACK;
    /* The copy goes by the way out of the sender's device, which may not be open yet:
     * who missed it sends again. */
    if (!(packet->tcp_flags & TCP_RST)) {
      if (write_reset_back(skb, layer->version, &back, at.sequence, at.acknowledged, acknowledges) != 0 ||
          set_macs(skb, sender) != 0) {
        return TC_ACT_SHOT;
      }
      bpf_clone_redirect(skb, skb->ifindex, 0);
    }
    if (write_reset(skb, layer->version, &there, at.sequence, at.acknowledged, acknowledges) != 0) return TC_ACT_SHOT;
    int action = hand_to(skb, s->judgement.target, packet->vpc);
    return action < 0 ? TC_ACT_SHOT : action;
  }
  if (packet->flags & PACKET_ICMP_ERROR) return TC_ACT_SHOT;
  int written = write_prohibited(skb, layer->version, layer->protocol, &back);
  return written == 0 ? send_back(skb, sender) : TC_ACT_SHOT;
}
