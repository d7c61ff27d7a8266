/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * At the border of a subnet: which way a packet takes that leaves it, and whether
 * the ACLs of both subnets let it pass.
 */
#pragma once

#include "bpf/policy.h"

/* Functions of their own: what they keep on the stack is gone when they are. */
static __noinline struct endpoint* find_endpoint(u32 vpc, const struct address* address) {
  struct endpoint_key key = {.vpc = vpc, .address = *address};
  return bpf_map_lookup_elem(&endpoints, &key);
}

static __noinline int in_ranges(u32 vpc, const struct address* address) {
  struct range_key key = {.prefix_length = 32 + 128, .vpc = vpc, .address = *address};
  return bpf_map_lookup_elem(&ranges, &key) != NULL;
}

static __always_inline u32 subnet_of(u32 tni_slot) {
  struct tni* tni = tni_slot ? bpf_map_lookup_elem(&tnis, &tni_slot) : NULL;
  return tni ? tni->subnet : 0;
}

static __always_inline u32 border_version(u32 vpc, u32 generation) {
  struct border* border = bpf_map_lookup_elem(&borders, &vpc);
  return border ? at_generation(&border->version, generation) : 0;
}

/* What the table says of the target: HOP_*, with the TNI's slot. */
__noinline u32 table_leads(const struct address* target, u32 table, u32 generation) {
  if (!target) return 0;
  struct route_key key = {.prefix_length = 32 + 128, .table = table, .address = *target};
  u32 shortest = is_v4(target) ? 32 + 96 : 32;
  for (int i = 0; i < MOST_NESTED; ++i) {
    struct route* found = bpf_map_lookup_elem(&routes, &key);
    if (!found || found->length < shortest) break;
    u32 hop = at_generation(&found->hop, generation);
    if (hop) return hop;
    if (found->length == shortest) break;
    key.prefix_length = found->length - 1;
  }
  return HOP_NONE << 24;
}

/* The next hop of what the TNI sends (0: what the VPC's gateway brings). What is for a
 * TNI of the sender's own subnet doesn't ask its table. */
static __always_inline u32 next_hop(u32 vpc, u32 from_tni, const struct address* target, const struct endpoint* holder,
                                    u32 generation) {
  if (from_tni == 0) {
    struct border* border = bpf_map_lookup_elem(&borders, &vpc);
    u32 table = border ? at_generation(&border->gateway_table, generation) : 0;
    if (table) return table_leads(target, table, generation);
    return (in_ranges(vpc, target) ? HOP_LOCAL : HOP_NONE) << 24;
  }
  u32 slot = subnet_of(from_tni);
  if (holder && holder->kind == ENDPOINT_TNI) {
    u32 holder_slot = holder->tni;
    struct tni* tni = bpf_map_lookup_elem(&tnis, &holder_slot);
    if (tni && tni->ifindex && tni->subnet == slot) return HOP_LOCAL << 24;
  }
  struct subnet* subnet = bpf_map_lookup_elem(&subnets, &slot);
  return subnet ? table_leads(target, at_generation(&subnet->table, generation), generation) : 0;
}

static __always_inline int acl_rule_matches(const struct acl_rule* rule, const struct address* peer, u8 protocol,
                                            u16 selector) {
  const u64 *want = (const u64*)&rule->address, *have = (const u64*)peer;
  u32 length = rule->length;
  u64 high = length >= 64 ? ~0ull : ~(~0ull >> length);
  u64 low = length <= 64 ? 0 : length >= 128 ? ~0ull : ~(~0ull >> (length - 64));
  if ((want[0] ^ have[0]) & bpf_cpu_to_be64(high)) return 0;
  if ((want[1] ^ have[1]) & bpf_cpu_to_be64(low)) return 0;
  /* ::/0 isn't around the mapped addresses, which stand for IPv4. */
  if (length < 96 && is_v4(peer)) return 0;
  if (!(rule->flags & ACL_ANY_PROTOCOL) && rule->protocol != protocol) return 0;
  return (rule->flags & ACL_ANY_PROTOCOL) || (rule->first <= selector && selector <= rule->last);
}

struct acl_search {
  struct acl* acl;
  const struct crossing* crossing;
  u32 direction;
  u32 found; /* index + 1; 0: none */
};

static long try_acl_rule(u32 index, void* context) {
  struct acl_search* search = context;
  if (index >= MOST_ACL_RULES || index >= search->acl->count) return 1;
  const struct crossing* crossing = search->crossing;
  const struct address* peer = search->direction == DIRECTION_OUT ? &crossing->to : &crossing->from;
  if (!acl_rule_matches(&search->acl->rules[index], peer, crossing->protocol, crossing->selector)) return 0;
  search->found = index + 1;
  return 1;
}

static __always_inline void count_acl_rule(u64 number) {
  u64* hits = bpf_map_lookup_elem(&acl_hits, &number);
  u64 one = 1;
  if (hits) {
    __sync_fetch_and_add(hits, 1);
  } else {
    bpf_map_update_elem(&acl_hits, &number, &one, BPF_NOEXIST);
  }
}

/* Whether the ACL of a subnet refuses it in this direction; s->crossing.rule says by which. */
__noinline int acl_refuses(u32 which, u32 subnet_slot, u32 direction, u32 generation) {
  struct scratch* s = get_scratch(which);
  struct subnet* subnet = bpf_map_lookup_elem(&subnets, &subnet_slot);
  if (!s || !subnet) return 1;
  s->crossing.rule = 0;
  struct acl_key key = {.acl = at_generation(&subnet->acl, generation), .direction = direction};
  struct acl* acl = bpf_map_lookup_elem(&acls, &key);
  if (!acl) return 1;
  struct acl_search search = {.acl = acl, .crossing = &s->crossing, .direction = direction};
  bpf_loop(MOST_ACL_RULES, try_acl_rule, &search, 0);
  u32 at = search.found - 1;
  if (at >= MOST_ACL_RULES) return 1;
  s->crossing.rule = acl->rules[at].id;
  count_acl_rule(acl->rules[at].id);
  return (acl->rules[at].flags & ACL_DENY) != 0;
}

/* Whether s->crossing may not pass between its ends' subnets: out of the one, into the
 * other. What stays in one isn't asked. */
static __always_inline int refused_at_border(struct scratch* s, u32 which, u32 generation) {
  u32 from = subnet_of(s->crossing.from_tni), to = subnet_of(s->crossing.to_tni);
  if (from == to) return 0;
  if (from && acl_refuses(which, from, DIRECTION_OUT, generation)) return 1;
  return to && acl_refuses(which, to, DIRECTION_IN, generation);
}
