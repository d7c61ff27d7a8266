/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What every BPF file starts with.
 */
#pragma once

/* libbpf's headers want the kernel's types before them. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <stddef.h>

/* clang-format off */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#include "bpf/abi.h"

/* A helper's answer when the caller shall go on. Reasons are never negative. */
#define CONTINUE (-1)

/* Whether it stands for an IPv4 address. */
static __always_inline int is_v4(const struct address* address) {
  const u32* words = (const u32*)address;
  return words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff);
}

#define ETH_LENGTH 14
#define PACKET_HOST 0 /* linux/if_packet.h */
#define READ_ONCE(x) (*(volatile typeof(x)*)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x)*)&(x) = (value))
