/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * May a new flow pass one end's groups? The prefixes around the peer's address and
 * the peer's groups lead to the classes of the rules that name them, one more
 * look-up in each to the rule; the lowest id wins. However many rules there are,
 * it takes as many look-ups as prefixes lie inside each other and the peer has groups.
 */
#pragma once

#include "bpf/maps.h"

/* The order of the three loads matters: datapath/generation.h. */
static __always_inline u32 at_generation(const struct versioned* value, u32 generation) {
  u32 after = READ_ONCE(value->after);
  u32 since = READ_ONCE(value->generation);
  u32 before = READ_ONCE(value->before);
  return (int)(generation - since) >= 0 ? after : before;
}

#define MOST_NESTED 129 /* lengths that a prefix may have */

/* The slot of the first rule of a class that allows this traffic now, or 0. */
__noinline u32 class_allows(const struct question* question, u32 rule_class) {
  if (!question || rule_class == 0) return 0;
  struct cell_key key = {
      .prefix_length = 64, .rule_class = rule_class, .protocol = question->protocol, .selector = question->selector};
  u32* head = bpf_map_lookup_elem(&cells, &key);
  if (!head) return 0;
  u32 at = *head;
  for (int i = 0; i < LONGEST_CHAIN && at != 0; ++i) {
    struct choice* choice = bpf_map_lookup_elem(&choices, &at);
    if (!choice) return 0;
    u32 slot = choice->rule;
    struct rule* rule = bpf_map_lookup_elem(&rules, &slot);
    if (!rule) return 0;
    if (question->now < rule->deadline) return slot;
    at = choice->next;
  }
  return 0;
}

/* The one of two rules that is named. */
static __always_inline u32 lower_rule(u32 one, u32 other) {
  struct rule* first = one ? bpf_map_lookup_elem(&rules, &one) : NULL;
  struct rule* second = other ? bpf_map_lookup_elem(&rules, &other) : NULL;
  if (!first || !second) return first ? one : other;
  return second->id < first->id ? other : one;
}

/* The slot of the rule of `table` that allows what is asked about, or 0. */
__noinline u32 table_allows(const struct question* question, const struct address* peer, u32 table, u32 peer_set,
                            u32 generation) {
  if (!question || !peer) return 0;
  struct prefix_key key = {.prefix_length = 32 + 128, .table = table, .address = *peer};
  /* Prefixes of IPv4 are mapped; what lies around all of them is of IPv6. */
  const u64* high = (const u64*)peer;
  const u32* words = (const u32*)peer;
  u32 shortest = high[0] == 0 && words[2] == bpf_htonl(0xffff) ? 32 + 96 : 32;
  u32 best = 0;
  for (int i = 0; i < MOST_NESTED; ++i) {
    struct prefix* found = bpf_map_lookup_elem(&prefixes, &key);
    if (!found || found->length < shortest) break;
    best = lower_rule(best, class_allows(question, at_generation(&found->rule_class, generation)));
    if (found->length == shortest) break;
    key.prefix_length = found->length - 1;
  }
  u32 set_slot = (table & ~(u32)TABLE_AUDIT) / 2;
  struct set* set = bpf_map_lookup_elem(&sets, &set_slot);
  struct set* peers = bpf_map_lookup_elem(&sets, &peer_set);
  if (!set || !set->names_groups || !peers || peer_set == 0) return best;
  for (int i = 0; i < MOST_GROUPS_OF_SET; ++i) {
    struct identity_key identity = {.table = table, .group = peers->groups[i]};
    if (identity.group == 0) break;
    struct versioned* found = bpf_map_lookup_elem(&identities, &identity);
    if (found) best = lower_rule(best, class_allows(question, at_generation(found, generation)));
  }
  return best;
}
