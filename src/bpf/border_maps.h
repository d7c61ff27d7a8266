/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The maps of the machine's border, pinned: uplink.bpf.c and connect.bpf.c have
 * the same ones, which weftd fills.
 */
#pragma once

#include "bpf/gateway_abi.h"
#include "bpf/prelude.h"

#define MAP(name, map_type, map_key, map_value, entries, map_flags_) \
  struct {                                                           \
    __uint(type, map_type);                                          \
    __uint(max_entries, entries);                                    \
    __uint(map_flags, map_flags_);                                   \
    __type(key, map_key);                                            \
    __type(value, map_value);                                        \
  } name SEC(".maps")

MAP(gateways, BPF_MAP_TYPE_ARRAY, u32, struct gateway, MOST_GATEWAYS, 0);
MAP(port_chunks, BPF_MAP_TYPE_ARRAY, u32, u32, PORT_CHUNKS, 0);
MAP(machine_addresses, BPF_MAP_TYPE_HASH, struct address, struct machine_address, MOST_MACHINE_ADDRESSES,
    BPF_F_NO_PREALLOC);
MAP(publications, BPF_MAP_TYPE_HASH, struct publication_key, struct publication, MOST_PUBLICATIONS, BPF_F_NO_PREALLOC);
MAP(routed_ranges, BPF_MAP_TYPE_LPM_TRIE, struct routed_key, struct routed, MOST_ROUTED, BPF_F_NO_PREALLOC);
MAP(trains, BPF_MAP_TYPE_LRU_HASH, struct train_key, struct train, MOST_TRAINS, 0);
MAP(border_drops, BPF_MAP_TYPE_PERCPU_ARRAY, u32, u64, BORDER_REASONS, 0);

/* That of the address itself, or of every address. */
static __always_inline struct publication* find_publication(const struct address* address, be16 port, u8 protocol) {
  struct publication_key key = {.address = *address, .port = port, .protocol = protocol};
  struct publication* found = bpf_map_lookup_elem(&publications, &key);
  if (found) return found;
  u32* words = (u32*)&key.address;
  u32 third = is_v4(address) ? bpf_htonl(0xffff) : 0;
  words[0] = words[1] = words[3] = 0;
  words[2] = third;
  return bpf_map_lookup_elem(&publications, &key);
}
