/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The data path on one machine. from_tni stands at the machine's side of each
 * TNI's veth and sees what the workload sends; from_gateway stands at the
 * gateways' devices and sees what comes from outside. Each judges a packet once,
 * for both ends, and hands it straight to where it goes.
 */
#include "bpf/deliver.h"
#include "bpf/judge.h"
#include "bpf/neighbour.h"
#include "bpf/parse.h"
#include "bpf/sweep.h"
#include "bpf/tell.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void begin(const struct __sk_buff* skb, struct scratch* s) {
  __builtin_memset(&s->packet, 0, sizeof s->packet);
  __builtin_memset(&s->judgement, 0, sizeof s->judgement);
  s->packet.now = boot_time();
  s->packet.length = skb->len;
}

/* Parses, judges, delivers. `sender` is the TNI's slot, 0 for a gateway. */
static __always_inline int carry(struct __sk_buff* skb, struct scratch* s, u32 sender, u32 vpc) {
  int reason = parse(skb, s);
  if (reason != CONTINUE) return drop(s, sender, (u32)reason);
  reason = (int)judge(s, SCRATCH_PACKET);
  switch (reason) {
    case REASON_Established:
    case REASON_RuleMatch:
    case REASON_Related:
    case REASON_Resolver: return deliver(skb, s, sender, vpc);
    case REASON_Revoked: drop(s, sender, REASON_Revoked); return tell_ends(skb, s);
    case REASON_NoRoute: drop(s, sender, REASON_NoRoute); return sender ? tell_sender(skb, s) : TC_ACT_SHOT;
    default: return drop(s, sender, (u32)reason);
  }
}

SEC("tc")
int from_tni(struct __sk_buff* skb) {
  struct scratch* s = get_scratch(SCRATCH_PACKET);
  u32 slot = skb->ifindex % MOST_TNIS;
  struct tni* tni = bpf_map_lookup_elem(&tnis, &slot);
  if (!s) return TC_ACT_SHOT;
  begin(skb, s);
  if (!tni || tni->id == 0 || tni->ifindex != skb->ifindex) return drop(s, 0, REASON_UnknownDevice);
  s->packet.tni = slot;
  s->packet.vpc = tni->vpc;
  int reason = skb->protocol == bpf_htons(ETH_P_IP) ? CONTINUE : answer_neighbour(skb, tni, &s->packet);
  if (reason == REASON_Answered) {
    count_reason(REASON_Answered);
    /* Straight back into the workload: the way out of this device may not be open
     * yet, for the kernel takes up to a second to notice that the other end is up. */
    bpf_skb_change_type(skb, PACKET_HOST);
    return bpf_redirect_peer(skb->ifindex, 0);
  }
  if (reason != CONTINUE) return drop(s, slot, (u32)reason);
  return carry(skb, s, slot, tni->vpc);
}

SEC("tc")
int from_gateway(struct __sk_buff* skb) {
  struct scratch* s = get_scratch(SCRATCH_PACKET);
  u32 device = skb->ifindex;
  u32* of = bpf_map_lookup_elem(&gateways, &device);
  if (!s) return TC_ACT_SHOT;
  begin(skb, s);
  if (!of) return drop(s, 0, REASON_UnknownDevice);
  u32 vpc = *of;
  s->packet.vpc = vpc;
  return carry(skb, s, 0, vpc);
}

/* Starts, or goes on with, the sweep of the flow table. Run once by weftd. */
SEC("tc")
int start_sweep(struct __sk_buff* skb) {
  u32 zero = 0;
  struct sweeper* at = bpf_map_lookup_elem(&sweeper, &zero);
  if (!at) return TC_ACT_SHOT;
  look_at_clocks();
  bpf_timer_init(&at->timer, &sweeper, 7 /* CLOCK_BOOTTIME */);
  if (bpf_timer_set_callback(&at->timer, sweep_tick) != 0) return TC_ACT_SHOT;
  return bpf_timer_start(&at->timer, SWEEP_TICK, 0) == 0 ? TC_ACT_OK : TC_ACT_SHOT;
}

/* What parse() says of the addresses. */
static __always_inline int check_addresses(const struct packet* packet) {
  const u8 *from = packet->source.bytes, *to = packet->target.bytes;
  return check_both(is_v4(&packet->source) ? check_v4_source(from[12]) : check_v6_source(from),
                    is_v4(&packet->target) ? check_v4_target(to[12]) : check_v6_target(to));
}

/* The judge alone, for tests: the packet's payload is a struct probe, so that
 * the time and the sender are the test's to choose. */
SEC("tc")
int judge_probe(struct __sk_buff* skb) {
  struct scratch* s = get_scratch(SCRATCH_PROBE);
  struct probe* probe = (void*)(long)skb->data + ETH_LENGTH + 2;
  if (!s || (void*)(probe + 1) > (void*)(long)skb->data_end) return TC_ACT_SHOT;
  s->packet = probe->packet;
  __builtin_memset(&s->judgement, 0, sizeof s->judgement);
  int addresses = check_addresses(&s->packet);
  u32 reason = addresses == CONTINUE ? judge(s, SCRATCH_PROBE) : (u32)addresses;
  probe = (void*)(long)skb->data + ETH_LENGTH + 2;
  if ((void*)(probe + 1) > (void*)(long)skb->data_end) return TC_ACT_SHOT;
  s->judgement.reason = reason;
  probe->judgement = s->judgement;
  return TC_ACT_OK;
}

/* What from_tni or from_gateway would answer to this packet at this device, for a trace:
 * the reason. It goes nowhere, and opens no flow, as if it were a reset. */
SEC("tc")
int trace_probe(struct __sk_buff* skb) {
  struct scratch* s = get_scratch(SCRATCH_PROBE);
  u32 device = skb->ifindex, slot = device % MOST_TNIS;
  if (!s) return REASON_Malformed;
  begin(skb, s);
  u32* gateway_of = bpf_map_lookup_elem(&gateways, &device);
  if (gateway_of) {
    s->packet.vpc = *gateway_of;
  } else {
    struct tni* tni = bpf_map_lookup_elem(&tnis, &slot);
    if (!tni || tni->id == 0 || tni->ifindex != device) return REASON_UnknownDevice;
    s->packet.tni = slot;
    s->packet.vpc = tni->vpc;
    int answer = skb->protocol == bpf_htons(ETH_P_IP) ? CONTINUE : answer_neighbour(skb, tni, &s->packet);
    if (answer != CONTINUE) return answer;
  }
  int reason = parse(skb, s);
  if (reason != CONTINUE) return reason;
  s->packet.tcp_flags = TCP_RST;
  return (int)judge(s, SCRATCH_PROBE);
}

/* And the sweep alone, of all slots, at the probe's time. */
SEC("tc")
int sweep_probe(struct __sk_buff* skb) {
  struct probe* probe = (void*)(long)skb->data + ETH_LENGTH + 2;
  if ((void*)(probe + 1) > (void*)(long)skb->data_end) return TC_ACT_SHOT;
  sweep_all(probe->packet.now);
  return TC_ACT_OK;
}
