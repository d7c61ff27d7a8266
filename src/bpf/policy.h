/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * May a new flow pass one end's groups? Two look-ups lead to the classes of the
 * rules whose peer matches, one more in each to the rule; the lower id wins.
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

/* The slot of the first rule of a class that allows this traffic now, or 0. */
static __always_inline u32 class_allows(u32 rule_class, const struct question* question, struct rule** out) {
  struct cell_key key = {
      .prefix_length = 64, .rule_class = rule_class, .protocol = question->protocol, .selector = question->selector};
  if (rule_class == 0) return 0;
  u32* head = bpf_map_lookup_elem(&cells, &key);
  if (!head) return 0;
  u32 at = *head;
  for (int i = 0; i < LONGEST_CHAIN && at != 0; ++i) {
    struct choice* choice = bpf_map_lookup_elem(&choices, &at);
    if (!choice) return 0;
    u32 slot = choice->rule;
    struct rule* rule = bpf_map_lookup_elem(&rules, &slot);
    if (!rule) return 0;
    if (question->now < rule->deadline) {
      *out = rule;
      return slot;
    }
    at = choice->next;
  }
  return 0;
}

/* The slot of the rule of `table` that allows what is asked about, or 0. */
__noinline u32 table_allows(const struct question* question, const struct address* peer, u32 table, u32 peer_set,
                            u32 generation) {
  if (!question || !peer) return 0;
  struct prefix_key prefix = {.prefix_length = 32 + 128, .table = table, .address = *peer};
  struct rule *by_address = NULL, *by_identity = NULL;
  u32 first = 0, second = 0;
  struct versioned* found = bpf_map_lookup_elem(&prefixes, &prefix);
  if (found) first = class_allows(at_generation(found, generation), question, &by_address);
  if (peer_set != 0) {
    struct identity_key identity = {.table = table, .peer_set = peer_set};
    found = bpf_map_lookup_elem(&identities, &identity);
    if (found) second = class_allows(at_generation(found, generation), question, &by_identity);
  }
  if (by_address && by_identity) return by_identity->id < by_address->id ? second : first;
  return by_address ? first : second;
}
