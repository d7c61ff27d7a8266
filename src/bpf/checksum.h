/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The Internet checksum (RFC 1071): sums are of 16-bit words as they lie in memory,
 * in ones' complement.
 */
#pragma once

#include "bpf/prelude.h"

/* The sum so far and that of `size` bytes, a multiple of 4 known when compiled. */
#define sum_of(bytes, size, sum) ((u32)bpf_csum_diff(NULL, 0, (be32*)(bytes), size, sum))

static __always_inline u16 fold(u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (u16)sum;
}

/* Of the pseudo header (RFC 9293 3.1, RFC 8200 8.1). A mapped address counts as the
 * IPv4 address in it: the prefix adds 0xffff, which is 0. */
static __always_inline u32 pseudo_sum(const struct address* source, const struct address* target, u8 protocol,
                                      u32 length) {
  struct {
    be32 length, protocol;
  } rest = {.length = bpf_htonl(length), .protocol = bpf_htonl(protocol)};
  u32 sum = sum_of(source, sizeof *source, 0);
  sum = sum_of(target, sizeof *target, sum);
  return sum_of(&rest, sizeof rest, sum);
}
