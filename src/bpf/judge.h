/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The verdict on one packet. An open flow costs one look-up, and after anything was
 * changed the comparison of how its ends stand; everything else goes through
 * judge_flow(), by rules.
 */
#pragma once

#include "bpf/flow.h"
#include "bpf/route.h"

/* 0 for a TNI that isn't attached. */
static __always_inline u32 salt_of(u32 tni_slot) {
  struct tni* tni = bpf_map_lookup_elem(&tnis, &tni_slot);
  return tni && tni->id != 0 && tni->ifindex != 0 ? tni->salt : 0;
}

static __always_inline struct standing standing_of(u32 vpc_slot, u32 tni_slot, u32 generation) {
  struct standing now = {.border = border_version(vpc_slot, generation)};
  if (tni_slot == 0) {
    struct vpc* vpc = bpf_map_lookup_elem(&vpcs, &vpc_slot);
    if (vpc) now.version = vpc->version << 2 | (vpc->internet & 3);
    return now;
  }
  struct tni* tni = bpf_map_lookup_elem(&tnis, &tni_slot);
  if (!tni || tni->id == 0) return now;
  now.set = at_generation(&tni->set, generation);
  if (tni->ifindex == 0) return now;
  now.salt = tni->salt;
  struct set* set = bpf_map_lookup_elem(&sets, &now.set);
  if (set) now.version = at_generation(&set->version, generation) ^ (u32)(tni->flags & TNI_SOURCE_CHECK_OFF) << 31;
  return now;
}

static __always_inline int stands_as(const struct flow_end* end, const struct standing* now) {
  return end->salt == now->salt && end->version == now->version && end->border == now->border;
}

/* Whether an end isn't any more who it was. Flows don't follow a TNI that was
 * attached anew or got other addresses, nor an address to another holder. */
static __always_inline int has_left(u32 vpc, const struct flow_end* end, const struct address* address) {
  if (end->tni != 0) return salt_of(end->tni) != end->salt;
  struct endpoint* holder = find_endpoint(vpc, address);
  return holder && holder->kind == ENDPOINT_TNI;
}

static __always_inline int is_over(const struct flow_key* key, const struct flow* flow, u64 now) {
  return flow->expires <= now || has_left(key->vpc, &flow->end[0], &key->a) ||
         has_left(key->vpc, &flow->end[1], &key->b);
}

/* Whether the address is the TNI's own. */
static __always_inline int owns(const struct endpoint* holder, u32 tni_slot) {
  return tni_slot && holder && holder->kind == ENDPOINT_TNI && holder->tni == tni_slot;
}

/* Whether the sender may use its source address, whose holder this is. */
static __always_inline int check_source(u32 vpc_slot, u32 tni_slot, const struct address* source,
                                        const struct endpoint* holder) {
  if (tni_slot == 0) {
    /* The gateway speaks for the outside, the router and the resolver, not for others. */
    if (holder ? holder->kind == ENDPOINT_TNI : in_ranges(vpc_slot, source)) return REASON_GatewaySource;
    return CONTINUE;
  }
  if (owns(holder, tni_slot)) return CONTINUE;
  struct tni* tni = bpf_map_lookup_elem(&tnis, &tni_slot);
  if (tni && (tni->flags & TNI_SOURCE_CHECK_OFF)) return CONTINUE;
  return REASON_SourceCheck;
}

static __always_inline int is_resolver_query(const struct question* question) {
  return (question->protocol == IPPROTO_UDP || question->protocol == IPPROTO_TCP) &&
         question->selector == bpf_htons(53);
}

/* What the gateway can give the machine's address and an id of its own: ports, and of
 * ICMP what is a request (echo, timestamp, information, address mask). */
static __always_inline int is_translated(const struct question* question) {
  u8 type = *(const u8*)&question->selector;
  if (question->protocol == IPPROTO_TCP || question->protocol == IPPROTO_UDP) return 1;
  return question->protocol == IPPROTO_ICMP && (type == 8 || type == 13 || type == 15 || type == 17);
}

/* Whether the VPC's gateway takes out what a route leads to it. */
static __always_inline int leads_out(const struct vpc* vpc, const struct question* question) {
  struct address target = question->to; /* as a key it lies on the stack: maps.h, get_scratch() */
  const u8* to = target.bytes;
  if (!vpc->gateway || !vpc->internet || question->from_tni == 0) return 0;
  if (!in_ranges(question->vpc, &question->from)) return 0;
  if (is_v4(&target)) {
    return (vpc->internet & INTERNET_V4) && !(to[12] == 169 && to[13] == 254) && is_translated(question);
  }
  /* fe80::/10, fd00:ec2::/32 */
  if ((to[0] == 0xfe && (to[1] & 0xc0) == 0x80) || *(const u32*)to == bpf_htonl(0xfd000ec2)) return 0;
  return (vpc->internet & INTERNET_V6) || bpf_map_lookup_elem(&machine, &target) != NULL;
}

/* What comes from outside needs a way back there from the TNI's subnet. */
static __always_inline int leads_back(const struct question* question, u32 tni_slot, u32 generation) {
  u32 back = next_hop(question->vpc, tni_slot, &question->from, NULL, generation) >> 24;
  return back == HOP_INTERNET || back == HOP_LOCAL;
}

struct aim {
  u32 tni;      /* that gets it; 0: the gateway, or nobody */
  u32 stand_in; /* the same, if the target's address isn't its own; else 0 */
};

/* Where it goes: fills `aim`. */
static __always_inline int find_target(const struct question* question, u32 generation, struct aim* aim) {
  u32 vpc_slot = question->vpc, from_outside = question->from_tni == 0;
  struct vpc* vpc = bpf_map_lookup_elem(&vpcs, &vpc_slot);
  struct endpoint* holder = find_endpoint(vpc_slot, &question->to);
  aim->tni = aim->stand_in = 0;
  if (!vpc) return REASON_NoRoute;
  u32 is_resolver = holder && holder->kind == ENDPOINT_RESOLVER;
  if (is_resolver && is_resolver_query(question) && !from_outside) {
    return vpc->gateway ? REASON_Resolver : REASON_NoRoute;
  }
  u32 hop = next_hop(vpc_slot, question->from_tni, &question->to, holder, generation);
  u32 slot = hop & HOP_SLOT;
  switch (hop >> 24) {
    case HOP_BLACKHOLE: return REASON_Blackhole;
    case HOP_LOCAL:
      if (!holder || holder->kind != ENDPOINT_TNI) return REASON_NoEndpoint;
      slot = holder->tni;
      break;
    case HOP_TNI: break;
    default:
      if (is_resolver) return REASON_NoEndpoint;
      return hop >> 24 != HOP_NONE && leads_out(vpc, question) ? CONTINUE : REASON_NoRoute;
  }
  struct tni* tni = bpf_map_lookup_elem(&tnis, &slot);
  aim->tni = slot;
  if (!owns(holder, slot)) aim->stand_in = slot;
  if (!tni || !tni->ifindex) return REASON_NoEndpoint;
  if (aim->stand_in && !(tni->flags & TNI_SOURCE_CHECK_OFF)) return REASON_SourceCheck;
  return from_outside && !leads_back(question, slot, generation) ? REASON_NoRoute : CONTINUE;
}

/* Takes over what the rule says; whether there is one. */
static __always_inline int take_rule(struct opinion* opinion, u32 slot, u32 keep_flag) {
  struct rule* rule = slot ? bpf_map_lookup_elem(&rules, &slot) : NULL;
  if (!rule) return 0;
  if (rule->deadline < opinion->deadline) opinion->deadline = rule->deadline;
  opinion->rule = rule->id;
  opinion->flags &= ~keep_flag;
  if (rule->flags & RULE_KEEP) opinion->flags |= keep_flag;
  return 1;
}

/* Asks the rules of both ends what s->question says; fills s->opinion. Answers
 * RuleMatch or Resolver if it may pass, else why not. A group is known by its members as
 * long as nothing stands between. */
__noinline int ask_rules(struct scratch* s, u32 generation) {
  if (!s) return REASON_Malformed;
  const struct question* question = &s->question;
  struct opinion* opinion = &s->opinion;
  __builtin_memset(opinion, 0, sizeof *opinion);
  opinion->deadline = ~0ull;
  opinion->flags = question->kept;
  opinion->generation = generation;
  u32 kept = question->now < question->deadline ? question->kept : 0, by_being_kept = question->kept;
  struct endpoint* speaker = find_endpoint(question->vpc, &question->from);
  struct aim aim;
  int answer = find_target(question, generation, &aim);
  if (!owns(speaker, question->from_tni)) opinion->stands_in[0] = (u16)question->from_tni;
  opinion->stands_in[1] = (u16)aim.stand_in;
  int source = check_source(question->vpc, question->from_tni, &question->from, speaker);
  if (source != CONTINUE) return source;
  struct standing from = standing_of(question->vpc, question->from_tni, generation);
  struct standing to = standing_of(question->vpc, aim.tni, generation);
  opinion->to_tni = aim.tni;
  opinion->from = from;
  opinion->to = to;
  if (answer != REASON_Resolver && question->from_tni) {
    opinion->rule_out =
        table_allows(question, &question->to, from.set * 2 + DIRECTION_OUT, aim.stand_in ? 0 : to.set, generation);
    if (take_rule(opinion, opinion->rule_out, FLOW_KEEP_OUT)) {
      by_being_kept &= ~(u32)FLOW_KEEP_OUT;
    } else if (!(kept & FLOW_KEEP_OUT)) {
      opinion->denier = question->from_tni;
      return REASON_EgressDenied;
    }
  }
  if (answer != CONTINUE && answer != REASON_Resolver) return answer;
  if (answer == CONTINUE && aim.tni) {
    opinion->rule_in = table_allows(question, &question->from, to.set * 2 + DIRECTION_IN,
                                    opinion->stands_in[0] ? 0 : from.set, generation);
    if (take_rule(opinion, opinion->rule_in, FLOW_KEEP_IN)) {
      by_being_kept &= ~(u32)FLOW_KEEP_IN;
    } else if (!(kept & FLOW_KEEP_IN)) {
      opinion->denier = aim.tni;
      return REASON_IngressDenied;
    }
  }
  /* What is kept ends with the rules that once allowed it. */
  if (by_being_kept && question->deadline < opinion->deadline) opinion->deadline = question->deadline;
  if (answer != REASON_Resolver) return REASON_RuleMatch;
  opinion->flags |= FLOW_EXEMPT;
  return REASON_Resolver;
}

static __always_inline void ask_about_packet(struct scratch* s) {
  struct question* question = &s->question;
  question->now = s->packet.now;
  question->deadline = ~0ull;
  question->from = s->packet.source;
  question->to = s->packet.target;
  question->vpc = s->packet.vpc;
  question->from_tni = s->packet.tni;
  question->selector = s->packet.selector;
  question->protocol = s->packet.protocol;
  question->kept = 0;
}

static __always_inline void ask_about_flow(struct scratch* s, const struct flow* flow) {
  struct question* question = &s->question;
  u32 from_b = flow->initiator & 1;
  question->now = s->packet.now;
  question->deadline = flow->deadline;
  question->from = from_b ? s->key.b : s->key.a;
  question->to = from_b ? s->key.a : s->key.b;
  question->vpc = s->key.vpc;
  question->from_tni = from_b ? flow->end[1].tni : flow->end[0].tni;
  question->selector = flow->selector;
  question->protocol = s->key.protocol;
  question->kept = flow->flags & FLOW_KEEP;
}

static __always_inline void hit(u32 rule_slot) {
  u64* hits = rule_slot ? bpf_map_lookup_elem(&rule_hits, &rule_slot) : NULL;
  if (hits) *hits += 1;
}

/* What the audited rules would have allowed of what was denied. */
static __always_inline void audit(struct scratch* s, u32 reason, u32 generation) {
  const struct opinion* opinion = &s->opinion;
  u32 out = reason == REASON_EgressDenied;
  u32 set_slot = out ? opinion->from.set : opinion->to.set, peer_set = out ? opinion->to.set : opinion->from.set;
  if (opinion->stands_in[out ? 1 : 0]) peer_set = 0;
  struct set* set = bpf_map_lookup_elem(&sets, &set_slot);
  if (!set || !set->audited) return;
  u32 slot = table_allows(&s->question, out ? &s->question.to : &s->question.from,
                          TABLE_AUDIT | (set_slot * 2 + (out ? DIRECTION_OUT : DIRECTION_IN)), peer_set, generation);
  if (!slot) return;
  hit(slot);
  event_packet(&s->packet, EVENT_AUDIT, reason, opinion->denier, rule_number(slot));
}

/* What the ACLs say of what `end` of s->key sends to the other end, as far as they are
 * asked; s->crossing.rule tells which rule refuses it. */
static __always_inline int refuses_end(struct scratch* s, u32 which, u32 end, u32 from_tni, u32 to_tni,
                                       u32 generation) {
  struct crossing* crossing = &s->crossing;
  const struct flow_key* key = &s->key;
  u8 protocol = key->protocol, icmp = key->icmp;
  crossing->from = end ? key->b : key->a;
  crossing->to = end ? key->a : key->b;
  crossing->from_tni = from_tni;
  crossing->to_tni = to_tni;
  crossing->protocol = protocol;
  crossing->selector = bpf_ntohs(end ? key->a_port : key->b_port);
  if (icmp == FLOW_ICMP_A_ASKS || icmp == FLOW_ICMP_B_ASKS) {
    u32 asks = (icmp == FLOW_ICMP_B_ASKS) == (end & 1);
    crossing->selector = (u16)(protocol == IPPROTO_ICMP ? asks ? 8 << 8 : 0 : asks ? 128 << 8 : 129 << 8);
  }
  return refused_at_border(s, which, generation);
}

/* Both directions of the flow between these ends: FLOW_REFUSED_*, and s->crossing.rule
 * for what `end` sends. */
__noinline u32 refused_ways(u32 which, u32 end, u32 near_tni, u32 far_tni, u32 generation) {
  struct scratch* s = get_scratch(which);
  u32 refused = 0;
  if (!s) return FLOW_REFUSED;
  if (refuses_end(s, which, !end, far_tni, near_tni, generation)) refused |= end ? FLOW_REFUSED_A : FLOW_REFUSED_B;
  if (refuses_end(s, which, end, near_tni, far_tni, generation)) refused |= end ? FLOW_REFUSED_B : FLOW_REFUSED_A;
  return refused;
}

static __always_inline u32 refused_flag(u32 end) { return end ? FLOW_REFUSED_B : FLOW_REFUSED_A; }

/* The flow goes on by what the rules say now. */
static __always_inline u32 renew_flow(struct scratch* s, u32 which, struct flow* flow, u32 end, u32 generation) {
  const struct opinion* opinion = &s->opinion;
  struct flow_end* opener = flow->initiator & 1 ? &flow->end[1] : &flow->end[0];
  struct flow_end* other = flow->initiator & 1 ? &flow->end[0] : &flow->end[1];
  u32 near_tni = end ? flow->end[1].tni : flow->end[0].tni, far_tni = end ? flow->end[0].tni : flow->end[1].tni;
  u32 refused = opinion->flags & FLOW_EXEMPT ? 0 : refused_ways(which, end, near_tni, far_tni, generation);
  opener->version = opinion->from.version;
  other->version = opinion->to.version;
  opener->border = opinion->from.border;
  other->border = opinion->to.border;
  opener->checked = other->checked = opinion->generation;
  flow->deadline = opinion->deadline;
  flow->rule = opinion->rule;
  flow->flags = (u8)(opinion->flags | refused);
  if (refused & refused_flag(end)) {
    s->judgement.rule = s->crossing.rule;
    return REASON_AclDenied;
  }
  flow_touch(flow, &s->packet, end);
  s->judgement.rule = opinion->rule;
  return REASON_Established;
}

/* `length` of the packet that it sent, or 0. */
static __always_inline void begin_end(struct flow_end* end, u32 tni, const struct standing* standing, u32 generation,
                                      u32 length) {
  end->tni = tni;
  end->salt = standing->salt;
  end->version = standing->version;
  end->border = standing->border;
  end->checked = generation;
  end->zero = 0;
  end->packets = length ? 1 : 0;
  end->bytes = length;
}

/* `old` is the flow that was there, and is over, or NULL. */
static __always_inline u32 open_flow(struct scratch* s, u32 end, u32 reason, u32 refused, struct flow* old) {
  const struct packet* packet = &s->packet;
  const struct opinion* opinion = &s->opinion;
  struct flow* fresh = &s->fresh;
  begin_end(end ? &fresh->end[1] : &fresh->end[0], packet->tni, &opinion->from, opinion->generation, packet->length);
  begin_end(end ? &fresh->end[0] : &fresh->end[1], opinion->to_tni, &opinion->to, opinion->generation, 0);
  fresh->started = packet->now;
  fresh->state = first_state(packet);
  fresh->seen = (u8)((4 | (packet->tcp_flags & TCP_FIN ? 1 : 0)) << (end & 1));
  fresh->owner = packet->tni ? packet->tni : opinion->to_tni;
  fresh->expires = packet->now + timeout_of(fresh->owner, fresh->state);
  fresh->deadline = opinion->deadline;
  fresh->rule = opinion->rule;
  fresh->initiator = end & 1;
  fresh->flags = (u8)(opinion->flags | refused);
  fresh->selector = packet->selector;
  fresh->zero = 0;
  /* A reset and an unasked reply open nothing. */
  u32 opens = !(packet->tcp_flags & TCP_RST) && !(packet->flags & PACKET_ECHO_REPLY);
  if (!old || !opens || !flow_restart(&s->key, old, fresh, packet->now)) {
    if (old) flow_finish(&s->key, old, packet->now);
    int answer = opens ? flow_add(&s->key, fresh) : CONTINUE;
    if (answer != CONTINUE) return answer;
  }
  hit(opinion->rule_out);
  hit(opinion->rule_in);
  s->judgement.rule = opinion->rule;
  return reason;
}

/* No flow goes on: what the packet opens is another one, or none of this sender's. */
#define OPENS_ANOTHER (~0u)
#define OF_ANOTHER (~1u)

/* The flow at s->key, as one that goes on with this packet of `end`. One that is over, or
 * gives way to another, is left in `old`. */
static __always_inline u32 go_on(struct scratch* s, u32 which, u32 end, u32 generation, struct flow** old) {
  struct packet* packet = &s->packet;
  struct flow* flow = bpf_map_lookup_elem(&flows, &s->key);
  if (!flow) return OPENS_ANOTHER;
  if (is_over(&s->key, flow, packet->now)) {
    *old = flow;
    return OPENS_ANOTHER;
  }
  struct flow_end* mine = end ? &flow->end[1] : &flow->end[0];
  struct flow_end* other = end ? &flow->end[0] : &flow->end[1];
  if (mine->tni != packet->tni) return OF_ANOTHER;
  if (reopens(flow, packet)) {
    *old = flow;
    return OPENS_ANOTHER;
  }
  ask_about_flow(s, flow);
  u32 reason = ask_rules(s, generation);
  u32 from_b = flow->initiator & 1;
  u32 opened_to = from_b ? flow->end[0].tni : flow->end[1].tni;
  u32 stands_in = from_b ? s->key.stand_in[0] : s->key.stand_in[1];
  u32 allowed = reason == REASON_RuleMatch || reason == REASON_Resolver;
  u32 denied = reason == REASON_EgressDenied || reason == REASON_IngressDenied;
  s->judgement.target = other->tni;
  if (!allowed && !denied) {
    flow_finish(&s->key, flow, packet->now);
    return reason;
  }
  if (s->opinion.to_tni != opened_to || s->opinion.stands_in[1] != stands_in) {
    s->judgement.target = 0;
    *old = flow;
    return OPENS_ANOTHER;
  }
  if (allowed) return renew_flow(s, which, flow, end, generation);
  s->judgement.denier = s->opinion.denier;
  audit(s, reason, generation);
  flow_cut(&s->key, flow, packet->now);
  return REASON_Revoked;
}

/* Judges the packet by the rules, at one generation: as one of the flow between the two
 * ends themselves, else of one with who stands in for them, else as the first of one. */
static __always_inline u32 judge_by_rules(struct scratch* s, u32 which, u32 end, u32 generation) {
  struct packet* packet = &s->packet;
  struct flow* old = NULL;
  u32 direct = go_on(s, which, end, generation, &old);
  if (direct != OPENS_ANOTHER && direct != OF_ANOTHER) return direct;
  ask_about_packet(s);
  u32 reason = ask_rules(s, generation);
  u16 near = s->opinion.stands_in[0], far = s->opinion.stands_in[1];
  if (near || far) {
    if (old) flow_finish(&s->key, old, packet->now);
    old = NULL;
    s->key.stand_in[0] = end ? far : near;
    s->key.stand_in[1] = end ? near : far;
    u32 between = go_on(s, which, end, generation, &old);
    if (between == OF_ANOTHER) return packet->tni ? REASON_SourceCheck : REASON_GatewaySource;
    if (between != OPENS_ANOTHER) return between;
    ask_about_packet(s);
    reason = ask_rules(s, generation);
  } else if (direct == OF_ANOTHER) {
    return packet->tni ? REASON_SourceCheck : REASON_GatewaySource;
  }
  s->judgement.target = s->opinion.to_tni;
  s->judgement.denier = s->opinion.denier;
  u32 refused = 0;
  if (reason == REASON_RuleMatch || reason == REASON_IngressDenied) {
    refused = refused_ways(which, end, packet->tni, s->opinion.to_tni, generation);
  }
  if (refused & refused_flag(end)) {
    s->judgement.denier = 0;
    s->judgement.rule = s->crossing.rule;
    reason = REASON_AclDenied;
  }
  if (reason == REASON_RuleMatch || reason == REASON_Resolver) return open_flow(s, end, reason, refused, old);
  if (old) flow_finish(&s->key, old, packet->now);
  if (reason == REASON_EgressDenied || reason == REASON_IngressDenied) audit(s, reason, generation);
  return reason;
}

/* Whether the flow of s->key, of which an ICMP error tells, is one of the error's sender
 * and may pass: its end that is told, or none. */
static __always_inline struct flow_end* find_told(struct scratch* s, u32 end, u32 generation) {
  struct flow* flow = bpf_map_lookup_elem(&flows, &s->key);
  if (!flow || is_over(&s->key, flow, s->packet.now)) return NULL;
  if ((end ? flow->end[0].tni : flow->end[1].tni) != s->packet.tni) return NULL;
  ask_about_flow(s, flow);
  u32 reason = ask_rules(s, generation), from_b = flow->initiator & 1;
  if (reason != REASON_RuleMatch && reason != REASON_Resolver) return NULL;
  if (s->opinion.to_tni != (from_b ? flow->end[0].tni : flow->end[1].tni)) return NULL;
  if (s->opinion.stands_in[1] != (from_b ? s->key.stand_in[0] : s->key.stand_in[1])) return NULL;
  return end ? &flow->end[1] : &flow->end[0];
}

/* An ICMP error passes if it tells of a flow that may pass, and comes from that
 * flow's other end, or from the outside if that is there. `end` is who is told. */
static __always_inline u32 judge_error(struct scratch* s, u32 which, u32 end, u32 generation) {
  struct packet* packet = &s->packet;
  u32 vpc = packet->vpc, teller = packet->tni;
  struct flow_end* told = find_told(s, end, generation);
  if (!told) {
    ask_about_packet(s);
    ask_rules(s, generation);
    u16 far = s->opinion.stands_in[1], near = (u16)teller;
    if (owns(find_endpoint(vpc, &packet->inner_target), teller)) near = 0;
    if (!near && !far) return OPENS_ANOTHER;
    s->key.stand_in[0] = end ? near : far;
    s->key.stand_in[1] = end ? far : near;
    told = find_told(s, end, generation);
    if (!told) return OPENS_ANOTHER;
  }
  u32 told_tni = told->tni;
  if (check_source(vpc, teller, &packet->source, find_endpoint(vpc, &packet->source)) != CONTINUE) {
    return OPENS_ANOTHER;
  }
  s->judgement.target = told_tni;
  if (s->opinion.flags & FLOW_EXEMPT) return REASON_Related;
  struct crossing* crossing = &s->crossing;
  crossing->from = packet->source;
  crossing->to = packet->target;
  crossing->from_tni = teller;
  crossing->to_tni = told_tni;
  crossing->protocol = packet->protocol;
  crossing->selector = bpf_ntohs(packet->selector);
  if (!refused_at_border(s, which, generation)) return REASON_Related;
  s->judgement.rule = crossing->rule;
  return REASON_AclDenied;
}

enum purpose { FOR_THE_PACKET, FOR_AN_ERROR };

/* By the rules, while `judging` tells weftd by which generation. */
__noinline u32 judge_flow(u32 which, u32 end, u32 purpose) {
  u32 zero = 0;
  struct scratch* s = get_scratch(which);
  u32* mark = bpf_map_lookup_elem(&judging, &zero);
  if (!s || !mark) return REASON_Malformed;
  /* The exchange orders the mark before everything that is read after it; the
   * generation is read again, in case that it moved before the mark was seen. */
  __sync_lock_test_and_set(mark, get_generation());
  u32 generation = get_generation();
  u32 reason =
      purpose == FOR_AN_ERROR ? judge_error(s, which, end, generation) : judge_by_rules(s, which, end, generation);
  WRITE_ONCE(*mark, 0);
  return reason;
}

/* The flow that an ICMP error tells of: fills s->key; answers which end is told. */
static __always_inline u32 place_told(struct scratch* s) {
  struct packet* packet = &s->packet;
  s->key.protocol = packet->inner_protocol;
  u32 end = flow_key_of(&s->key, &packet->target, &packet->inner_target, packet->inner_source_port,
                        packet->inner_target_port);
  s->key.icmp = flow_icmp_of(end, 0, packet->flags & PACKET_INNER_REQUEST, packet->flags & PACKET_INNER_REPLY);
  return end;
}

/* `s` is get_scratch(which), its judgement empty. */
static __always_inline u32 judge(struct scratch* s, u32 which) {
  struct packet* packet = &s->packet;
  struct judgement* judgement = &s->judgement;
  __builtin_memset(&s->key, 0, sizeof s->key);
  s->key.vpc = packet->vpc;
  if (packet->flags & PACKET_ICMP_ERROR) {
    u32 related = judge_flow(which, place_told(s), FOR_AN_ERROR);
    if (related != OPENS_ANOTHER) return related;
    s->key.stand_in[0] = s->key.stand_in[1] = 0;
  }
  s->key.protocol = packet->protocol;
  u32 end = flow_key_of(&s->key, &packet->source, &packet->target, packet->source_port, packet->target_port);
  s->key.icmp = flow_icmp_of(end, packet->flags & PACKET_ICMP_OTHER, packet->flags & PACKET_ECHO_REQUEST,
                             packet->flags & PACKET_ECHO_REPLY);
  struct flow* flow = bpf_map_lookup_elem(&flows, &s->key);
  if (!flow || packet->now >= flow->expires || packet->now >= flow->deadline ||
      (flow->flags & (FLOW_CUT | refused_flag(end))) || reopens(flow, packet)) {
    return judge_flow(which, end, FOR_THE_PACKET);
  }
  struct flow_end* mine = end ? &flow->end[1] : &flow->end[0];
  struct flow_end* other = end ? &flow->end[0] : &flow->end[1];
  if (mine->tni != packet->tni) return judge_flow(which, end, FOR_THE_PACKET);
  u32 generation = get_generation();
  if (mine->checked != generation) {
    struct standing near = standing_of(packet->vpc, mine->tni, generation);
    struct standing far = standing_of(packet->vpc, other->tni, generation);
    if (!stands_as(mine, &near) || !stands_as(other, &far)) return judge_flow(which, end, FOR_THE_PACKET);
    mine->checked = generation;
  }
  judgement->target = other->tni;
  judgement->rule = flow->rule;
  flow_touch(flow, packet, end);
  return REASON_Established;
}
