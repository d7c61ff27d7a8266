/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The verdict on one packet. An open flow costs one look-up, and after anything was
 * changed the comparison of how its ends stand; everything else goes through
 * judge_flow(), by rules.
 */
#pragma once

#include "bpf/flow.h"
#include "bpf/policy.h"

/* 0 for a TNI that isn't attached. */
static __always_inline u32 salt_of(u32 tni_slot) {
  struct tni* tni = bpf_map_lookup_elem(&tnis, &tni_slot);
  return tni && tni->id != 0 && tni->ifindex != 0 ? tni->salt : 0;
}

static __always_inline struct standing standing_of(u32 vpc_slot, u32 tni_slot, u32 generation) {
  struct standing now = {};
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
  return end->salt == now->salt && end->version == now->version;
}

static __always_inline struct endpoint* find_endpoint(u32 vpc, const struct address* address) {
  struct endpoint_key key = {.vpc = vpc, .address = *address};
  return bpf_map_lookup_elem(&endpoints, &key);
}

static __always_inline int in_ranges(u32 vpc, const struct address* address) {
  struct range_key key = {.prefix_length = 32 + 128, .vpc = vpc, .address = *address};
  return bpf_map_lookup_elem(&ranges, &key) != NULL;
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

/* Whether the sender may use its source address. */
static __always_inline int check_source(u32 vpc_slot, u32 tni_slot, const struct address* source) {
  struct endpoint* holder = find_endpoint(vpc_slot, source);
  if (tni_slot == 0) {
    /* The gateway speaks for the outside, the router and the resolver, not for others. */
    if (holder ? holder->kind == ENDPOINT_TNI : in_ranges(vpc_slot, source)) return REASON_GatewaySource;
    return CONTINUE;
  }
  if (holder && holder->kind == ENDPOINT_TNI && holder->tni == tni_slot) return CONTINUE;
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

/* Whether the VPC's gateway takes it to a target outside its ranges. */
static __always_inline int leads_out(const struct vpc* vpc, const struct question* question) {
  struct address target = question->to; /* as a key it lies on the stack: maps.h, get_scratch() */
  const u8* to = target.bytes;
  if (!vpc->gateway || !vpc->internet || question->from_tni == 0) return 0;
  if (!in_ranges(question->vpc, &question->from)) return 0;
  if (is_v4(&target)) return !(to[12] == 169 && to[13] == 254) && is_translated(question);
  /* fe80::/10, fd00:ec2::/32 */
  if ((to[0] == 0xfe && (to[1] & 0xc0) == 0x80) || *(const u32*)to == bpf_htonl(0xfd000ec2)) return 0;
  return (vpc->internet & INTERNET_V6) || bpf_map_lookup_elem(&machine, &target) != NULL;
}

/* Where it goes: fills the TNI's slot (0: the gateway). */
static __always_inline int find_target(const struct question* question, u32* slot) {
  u32 vpc_slot = question->vpc, from_outside = question->from_tni == 0;
  struct vpc* vpc = bpf_map_lookup_elem(&vpcs, &vpc_slot);
  struct endpoint* holder = find_endpoint(vpc_slot, &question->to);
  *slot = 0;
  if (!vpc) return REASON_NoRoute;
  if (holder && holder->kind == ENDPOINT_TNI) {
    u32 holder_slot = holder->tni;
    struct tni* tni = bpf_map_lookup_elem(&tnis, &holder_slot);
    *slot = holder_slot;
    return tni && tni->ifindex ? CONTINUE : REASON_NoEndpoint;
  }
  if (holder && holder->kind == ENDPOINT_RESOLVER && is_resolver_query(question) && !from_outside) {
    return vpc->gateway ? REASON_Resolver : REASON_NoRoute;
  }
  if (holder || in_ranges(vpc_slot, &question->to)) return REASON_NoEndpoint;
  return leads_out(vpc, question) ? CONTINUE : REASON_NoRoute;
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
 * RuleMatch or Resolver if it may pass, else why not. */
__noinline int ask_rules(struct scratch* s, u32 generation) {
  if (!s) return REASON_Malformed;
  const struct question* question = &s->question;
  struct opinion* opinion = &s->opinion;
  __builtin_memset(opinion, 0, sizeof *opinion);
  opinion->deadline = ~0ull;
  opinion->flags = question->kept;
  opinion->generation = generation;
  u32 kept = question->now < question->deadline ? question->kept : 0, by_being_kept = question->kept, to_tni = 0;
  int answer = check_source(question->vpc, question->from_tni, &question->from);
  if (answer != CONTINUE) return answer;
  answer = find_target(question, &to_tni);
  struct standing from = standing_of(question->vpc, question->from_tni, generation);
  struct standing to = standing_of(question->vpc, to_tni, generation);
  opinion->to_tni = to_tni;
  opinion->from = from;
  opinion->to = to;
  if (answer != REASON_Resolver && question->from_tni) {
    opinion->rule_out = table_allows(question, &question->to, from.set * 2 + DIRECTION_OUT, to.set, generation);
    if (take_rule(opinion, opinion->rule_out, FLOW_KEEP_OUT)) {
      by_being_kept &= ~(u32)FLOW_KEEP_OUT;
    } else if (!(kept & FLOW_KEEP_OUT)) {
      opinion->denier = question->from_tni;
      return REASON_EgressDenied;
    }
  }
  if (answer != CONTINUE && answer != REASON_Resolver) return answer;
  if (answer == CONTINUE && to_tni) {
    opinion->rule_in = table_allows(question, &question->from, to.set * 2 + DIRECTION_IN, from.set, generation);
    if (take_rule(opinion, opinion->rule_in, FLOW_KEEP_IN)) {
      by_being_kept &= ~(u32)FLOW_KEEP_IN;
    } else if (!(kept & FLOW_KEEP_IN)) {
      opinion->denier = to_tni;
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
  struct set* set = bpf_map_lookup_elem(&sets, &set_slot);
  if (!set || !set->audited) return;
  u32 slot = table_allows(&s->question, out ? &s->question.to : &s->question.from,
                          TABLE_AUDIT | (set_slot * 2 + (out ? DIRECTION_OUT : DIRECTION_IN)), peer_set, generation);
  if (!slot) return;
  hit(slot);
  event_packet(&s->packet, EVENT_AUDIT, reason, opinion->denier, rule_number(slot));
}

/* The flow goes on by what the rules say now. */
static __always_inline u32 renew_flow(struct scratch* s, struct flow* flow, u32 end) {
  const struct opinion* opinion = &s->opinion;
  struct flow_end* opener = flow->initiator & 1 ? &flow->end[1] : &flow->end[0];
  struct flow_end* other = flow->initiator & 1 ? &flow->end[0] : &flow->end[1];
  opener->version = opinion->from.version;
  other->version = opinion->to.version;
  opener->checked = other->checked = opinion->generation;
  flow->deadline = opinion->deadline;
  flow->rule = opinion->rule;
  flow->flags = (u8)opinion->flags;
  flow_touch(flow, &s->packet, end);
  s->judgement.rule = opinion->rule;
  return REASON_Established;
}

/* `old` is the flow that was there, and is over, or NULL. */
static __always_inline u32 open_flow(struct scratch* s, u32 end, u32 reason, struct flow* old) {
  const struct packet* packet = &s->packet;
  const struct opinion* opinion = &s->opinion;
  struct flow* fresh = &s->fresh;
  struct flow_end opener = {.tni = packet->tni,
                            .salt = opinion->from.salt,
                            .version = opinion->from.version,
                            .checked = opinion->generation,
                            .packets = 1,
                            .bytes = packet->length};
  struct flow_end other = {
      .tni = opinion->to_tni, .salt = opinion->to.salt, .version = opinion->to.version, .checked = opinion->generation};
  fresh->end[0] = end ? other : opener;
  fresh->end[1] = end ? opener : other;
  fresh->started = packet->now;
  fresh->state = first_state(packet);
  fresh->seen = (u8)((4 | (packet->tcp_flags & TCP_FIN ? 1 : 0)) << (end & 1));
  fresh->owner = packet->tni ? packet->tni : opinion->to_tni;
  fresh->expires = packet->now + timeout_of(fresh->owner, fresh->state);
  fresh->deadline = opinion->deadline;
  fresh->rule = opinion->rule;
  fresh->initiator = end & 1;
  fresh->flags = (u8)opinion->flags;
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

/* Judges the flow of the packet by the rules, at one generation. */
static __always_inline u32 judge_by_rules(struct scratch* s, u32 end, u32 generation) {
  struct packet* packet = &s->packet;
  struct flow *flow = bpf_map_lookup_elem(&flows, &s->key), *old = NULL;
  struct flow_end *mine = NULL, *other = NULL;
  if (flow) {
    mine = end ? &flow->end[1] : &flow->end[0];
    other = end ? &flow->end[0] : &flow->end[1];
    int over = is_over(&s->key, flow, packet->now);
    if (!over && mine->tni != packet->tni) return packet->tni ? REASON_SourceCheck : REASON_GatewaySource;
    if (over || reopens(flow, packet)) {
      old = flow;
      flow = NULL;
    }
  }
  if (flow) {
    ask_about_flow(s, flow);
  } else {
    ask_about_packet(s);
  }
  u32 reason = ask_rules(s, generation);
  s->judgement.target = flow ? other->tni : s->opinion.to_tni;
  if (reason == REASON_RuleMatch || reason == REASON_Resolver) {
    return flow ? renew_flow(s, flow, end) : open_flow(s, end, reason, old);
  }
  if (old) flow_finish(&s->key, old, packet->now);
  s->judgement.denier = s->opinion.denier;
  u32 denied = reason == REASON_EgressDenied || reason == REASON_IngressDenied;
  if (denied) audit(s, reason, generation);
  if (!flow) return reason;
  if (!denied) {
    flow_finish(&s->key, flow, packet->now);
    return reason;
  }
  flow_cut(&s->key, flow, packet->now);
  return REASON_Revoked;
}

/* Whether the flow of s->key may pass: Related or CONTINUE. Changes nothing. */
static __always_inline u32 ask_again(struct scratch* s, u32 generation) {
  struct flow* flow = bpf_map_lookup_elem(&flows, &s->key);
  if (!flow || is_over(&s->key, flow, s->packet.now)) return CONTINUE;
  ask_about_flow(s, flow);
  u32 reason = ask_rules(s, generation);
  return reason == REASON_RuleMatch || reason == REASON_Resolver ? REASON_Related : CONTINUE;
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
  u32 reason = purpose == FOR_AN_ERROR ? ask_again(s, generation) : judge_by_rules(s, end, generation);
  WRITE_ONCE(*mark, 0);
  return reason;
}

/* An ICMP error passes if it tells of a flow that may pass, and comes from that
 * flow's other end, or from the outside if that is there. */
static __always_inline int judge_error(struct scratch* s, u32 which) {
  struct packet* packet = &s->packet;
  s->key.protocol = packet->inner_protocol;
  u32 end = flow_key_of(&s->key, &packet->target, &packet->inner_target, packet->inner_source_port,
                        packet->inner_target_port);
  s->key.icmp = flow_icmp_of(end, 0, packet->flags & PACKET_INNER_REQUEST, packet->flags & PACKET_INNER_REPLY);
  struct flow* flow = bpf_map_lookup_elem(&flows, &s->key);
  if (!flow) return CONTINUE;
  struct flow_end* told = end ? &flow->end[1] : &flow->end[0];
  struct flow_end* teller = end ? &flow->end[0] : &flow->end[1];
  u32 told_tni = told->tni;
  if (teller->tni != packet->tni) return CONTINUE;
  if (check_source(packet->vpc, packet->tni, &packet->source) != CONTINUE) return CONTINUE;
  if ((int)judge_flow(which, end, FOR_AN_ERROR) != REASON_Related) return CONTINUE;
  s->judgement.target = told_tni;
  return REASON_Related;
}

/* `s` is get_scratch(which), its judgement empty. */
static __always_inline u32 judge(struct scratch* s, u32 which) {
  struct packet* packet = &s->packet;
  struct judgement* judgement = &s->judgement;
  __builtin_memset(&s->key, 0, sizeof s->key);
  s->key.vpc = packet->vpc;
  if (packet->flags & PACKET_ICMP_ERROR) {
    int related = judge_error(s, which);
    if (related != CONTINUE) return related;
  }
  s->key.protocol = packet->protocol;
  u32 end = flow_key_of(&s->key, &packet->source, &packet->target, packet->source_port, packet->target_port);
  s->key.icmp = flow_icmp_of(end, packet->flags & PACKET_ICMP_OTHER, packet->flags & PACKET_ECHO_REQUEST,
                             packet->flags & PACKET_ECHO_REPLY);
  struct flow* flow = bpf_map_lookup_elem(&flows, &s->key);
  if (!flow || packet->now >= flow->expires || packet->now >= flow->deadline || (flow->flags & FLOW_CUT) ||
      reopens(flow, packet)) {
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
