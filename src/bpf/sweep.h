/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The sweep of the flow table: every tick it looks at a 64th of the slots in use
 * and removes the flows that are over.
 */
#pragma once

#include "bpf/judge.h"

#define SWEEP_TICK (100 * 1000000ull)
#define SWEEP_SHARE 64
#define SWEEP_LEAST 256

struct sweeper {
  struct bpf_timer timer;
  u32 cursor;
  u32 zero;
};
MAP(sweeper, BPF_MAP_TYPE_ARRAY, u32, struct sweeper, 1, 0);

struct sweep {
  u64 now;
  u32 first;
  u32 high;
};

static long sweep_slot(u32 index, void* context) {
  struct sweep* sweep = context;
  u32 slot = sweep->first + index;
  if (slot >= sweep->high) return 1;
  struct flow_key* place = bpf_map_lookup_elem(&flow_slots, &slot);
  if (!place || place->vpc == 0) return 0;
  struct flow_key key = *place;
  struct flow* flow = bpf_map_lookup_elem(&flows, &key);
  if (!flow || flow->slot != slot || !is_over(&key, flow, sweep->now)) return 0;
  flow_finish(&key, flow, sweep->now);
  return 0;
}

static int sweep_tick(void* map, u32* index, struct sweeper* sweeper) {
  struct common* all = get_common();
  if (!all) return 0;
  look_at_clocks();
  struct sweep sweep = {.now = bpf_ktime_get_boot_ns(), .first = sweeper->cursor, .high = READ_ONCE(all->flow_high)};
  u32 count = sweep.high / SWEEP_SHARE + SWEEP_LEAST;
  bpf_loop(count, sweep_slot, &sweep, 0);
  sweeper->cursor = sweep.first + count >= sweep.high ? 0 : sweep.first + count;
  bpf_timer_start(&sweeper->timer, SWEEP_TICK, 0);
  return 0;
}

/* All of it at once, at an instant that the caller chooses. */
static __always_inline void sweep_all(u64 now) {
  struct common* all = get_common();
  if (!all) return;
  struct sweep sweep = {.now = now, .first = 0, .high = READ_ONCE(all->flow_high)};
  bpf_loop(sweep.high, sweep_slot, &sweep, 0);
}
