/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What weftd shares with the programs at the machine's uplinks (uplink.bpf.c)
 * and at its sockets (connect.bpf.c). Read by both compilers, as is abi.h.
 *
 * A gateway has a slot. The machine's address is shared: each gateway has a
 * range of its ports for what its VPC sends out, in chunks of 64, and each
 * published port belongs to one gateway.
 */
#pragma once

#include "bpf/abi.h"

#ifdef __cplusplus
namespace weft::abi {
#endif

enum {
  GATEWAY_ABI_VERSION = 1,

  MOST_GATEWAYS = 1024, /* slots; slot 0 is none */
  PORT_CHUNK_BITS = 6,
  PORT_CHUNKS = 65536 >> PORT_CHUNK_BITS,
  MOST_MACHINE_ADDRESSES = 4096,
  MOST_PUBLICATIONS = 65536,
  MOST_ROUTED = 4096,
  MOST_TRAINS = 4096,      /* datagrams that arrive in pieces */
  MOST_TRANSLATED = 65536, /* calls of local programs to published ports */
};

struct gateway {
  u32 ifindex; /* of its device in the machine's namespace; 0: the slot is free */
};
ABI_SIZE(gateway, 4);

/* An address of the machine. */
enum machine_address_kind {
  MACHINE_OUTSIDE = 1, /* others know it */
  MACHINE_INSIDE = 2,  /* only gateways know it: the machine's end towards them */
  MACHINE_TNI = 3,     /* of the machine's own TNI: the way there is by its VPC, under its groups */
};
struct machine_address {
  u32 kind;
  u32 exit; /* ifindex of the uplink by which it speaks; 0: none */
};
ABI_SIZE(machine_address, 8);

/* A published port. The address :: or ::ffff:0.0.0.0 stands for every address
 * of the machine in that family, loopback included. */
struct publication_key {
  struct address address;
  be16 port;
  u8 protocol;
  u8 zero;
};
ABI_SIZE(publication_key, 20);
struct publication {
  u32 gateway;
  struct address target; /* where local programs are sent instead */
  be16 target_port;      /* 0: they are left alone */
  u16 zero;
};
ABI_SIZE(publication, 24);

/* IPv6 addresses of VPCs that pass untranslated. */
struct routed_key {
  u32 prefix_length; /* 0..128 */
  struct address address;
};
ABI_SIZE(routed_key, 20);
struct routed {
  u32 gateway;
  u32 exit;
};
ABI_SIZE(routed, 8);

/* Which gateway the later pieces of a datagram follow. */
struct train_key {
  u32 id;
  struct address source;
  struct address target;
  u8 protocol;
  u8 zero[3];
};
ABI_SIZE(train_key, 40);
struct train {
  u64 expires; /* boot time, ns */
  u32 gateway;
  u32 zero;
};
ABI_SIZE(train, 16);

/* What a local program asked for, by its socket and by what it got. */
struct translated_key {
  u64 socket;
  struct address address;
  be16 port;
  u8 zero[6];
};
ABI_SIZE(translated_key, 32);
struct translated {
  struct address address;
  be16 port;
  u16 zero;
};
ABI_SIZE(translated, 20);

/* Why a packet from a gateway was dropped at the machine's border. */
enum border_reason {
  BORDER_NOT_IP,
  BORDER_MACHINE,    /* the machine itself: no published port of it */
  BORDER_NO_EXIT,    /* its source is no address that has an uplink */
  BORDER_NO_GATEWAY, /* the gateway that it is for is gone */
  BORDER_REASONS,
};

#ifdef __cplusplus
}  // namespace weft::abi
#endif
