/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The one layout of what weftd and the BPF programs share, read by both
 * compilers. Byte order is in the type's name; padding is named and zero, since
 * it is part of map keys. Addresses are 16 bytes, IPv4 mapped (RFC 4291 2.5.5.2).
 *
 * A change of policy is atomic for each packet: what a change touches is
 * `versioned` (the value before, the value after, and the generation from which
 * the second holds), and a packet that is judged reads `generation` once. Only
 * after that word moves does anybody see the change, and then all of it.
 */
#pragma once

#ifdef __cplusplus
#include <cstdint>
#define ABI_SIZE(type, size) static_assert(sizeof(struct type) == (size))
namespace weft::abi {
using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using be16 = uint16_t;
using be32 = uint32_t;
#else
#include <linux/types.h>
#define ABI_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __be16 be16;
typedef __be32 be32;
#endif

enum {
  ABI_VERSION = 1,

  MOST_TNIS = 16384,   /* slots, a power of two; slot 0 is nobody */
  MOST_VPCS = 4096,    /* slots; slot 0 is none */
  MOST_SETS = 16384,   /* group sets in use; slot 0 is none */
  MOST_GROUPS = 65536, /* groups in these sets or named by their rules; slot 0 is none */
  MOST_GROUPS_OF_SET = 16,
  MOST_ENDPOINTS = 262144,
  MOST_RULES = 262144, /* rule slots in compiled sets; slot 0 is no rule */
  MOST_CHOICES = 2097152,
  MOST_PREFIXES = 2097152,
  MOST_IDENTITIES = 2097152,
  MOST_CELLS = 16777216,
  MOST_SUBNETS = 65536, /* slots; slot 0 is beyond a gateway */
  MOST_TABLES = 65536,  /* route tables; slot 0 is none */
  MOST_ROUTES = 1048576,
  MOST_ACLS = 65536,      /* slot 0 is none */
  MOST_ACL_RULES = 100,   /* of one ACL and direction */
  MOST_ACL_HITS = 262144, /* rules that are counted */
  MOST_FLOWS = 1048576,
  MOST_KNOWN_OUTSIDE = 4096, /* addresses by which others know the machine */
  MOST_DATAGRAMS = 8192,
  CUT_SECONDS = 60,          /* for so long a cut flow tells its ends */
  LONGEST_CHAIN = 64,        /* choices walked for one packet */
  MOST_PIECES = 64,          /* fragments of one datagram */
  MOST_OPEN_DATAGRAMS = 256, /* of one TNI, begun in the last 5 s and not complete */
  MOST_EXTENSIONS = 6,       /* IPv6 extension headers walked */
};

enum reason {
#define X(name, text, verdict) REASON_##name,
#include "model/reason.inc"
#undef X
  REASON_COUNT
};

enum flow_state {
  FLOW_TCP_OPENING,
  FLOW_TCP_ESTABLISHED,
  FLOW_TCP_CLOSING,
  FLOW_UDP_ONE_WAY,
  FLOW_UDP_BOTH_WAYS,
  FLOW_OTHER,
  FLOW_STATES,
};

/* The value before a change, the one after it, and from when that holds. */
struct versioned {
  u32 before;
  u32 after;
  u32 generation;
};
ABI_SIZE(versioned, 12);

/* Aligned, so that it is copied word by word. */
struct address {
  u8 bytes[16];
} __attribute__((aligned(4)));
ABI_SIZE(address, 16);

enum { TNI_SOURCE_CHECK_OFF = 1 };
struct tni {
  u64 id; /* the number in the TNI's id; 0: the slot is free */
  u16 vpc;
  u16 subnet;
  u32 ifindex; /* machine side of its veth: the slot + a multiple of MOST_TNIS; 0: not attached */
  struct versioned set;
  u32 salt; /* never 0; another whenever the TNI is attached or its addresses change */
  u8 mac[6];
  u8 flags;
  u8 zero;
  u32 timeout[FLOW_STATES]; /* seconds */
};
ABI_SIZE(tni, 64);

/* What goes to a gateway may leave: of IPv6 without its bit only what is for the machine
 * itself, where published ports are. */
enum { INTERNET_V4 = 1, INTERNET_V6 = 2 };
struct vpc {
  u64 id;       /* the number in the VPC's id; 0: the slot is free */
  u32 gateway;  /* ifindex of the gateway's device; 0: none */
  u32 internet; /* INTERNET_*; 0: no gateway to the outside */
  u32 version;  /* another whenever the ranges change */
  u32 zero;
};
ABI_SIZE(vpc, 24);

/* Who has an address of a VPC. */
struct endpoint_key {
  u32 vpc;
  struct address address;
};
ABI_SIZE(endpoint_key, 20);
enum endpoint_kind { ENDPOINT_TNI = 1, ENDPOINT_ROUTER = 2, ENDPOINT_RESOLVER = 3 };
struct endpoint {
  u32 kind;
  u32 tni;
};
ABI_SIZE(endpoint, 8);

/* Whether an address is in one of the VPC's ranges. */
struct range_key {
  u32 prefix_length; /* over vpc and address: 32 + mapped length */
  u32 vpc;
  struct address address;
};
ABI_SIZE(range_key, 24);

/* Borders of subnets. What leaves one asks its route table for the next hop, by the
 * longest prefix; a route that begins or ends is 0 before or after, and the one around
 * it counts. An ACL is never changed: another one takes its place. */
enum hop_kind { HOP_NONE, HOP_LOCAL, HOP_INTERNET, HOP_EGRESS_ONLY, HOP_BLACKHOLE, HOP_TNI };
enum { HOP_SLOT = (1 << 24) - 1 }; /* a hop: kind << 24 | slot of the TNI */
struct route_key {
  u32 prefix_length; /* over table and address: 32 + mapped length */
  u32 table;
  struct address address;
};
ABI_SIZE(route_key, 24);
struct route {
  struct versioned hop;
  u32 length; /* its own, as in the key */
};
ABI_SIZE(route, 16);
struct subnet {
  u64 id; /* the number in the subnet's id; 0: the slot is free */
  struct versioned table;
  struct versioned acl;
};
ABI_SIZE(subnet, 32);
/* By a VPC's slot. */
struct border {
  struct versioned version;       /* grows with each change of its routes, ACLs or subnets */
  struct versioned gateway_table; /* by which goes what the gateway brings; 0: straight to its target */
};
ABI_SIZE(border, 24);
struct acl_key {
  u32 acl;
  u32 direction;
};
ABI_SIZE(acl_key, 8);
enum { ACL_ANY_PROTOCOL = 1, ACL_DENY = 2 };
struct acl_rule {
  u64 id; /* the number in the rule's id */
  struct address address;
  u16 first; /* target ports, or ICMP type << 8 | code; by host order */
  u16 last;
  u8 length; /* of the prefix, mapped */
  u8 protocol;
  u8 flags;
  u8 zero;
};
ABI_SIZE(acl_rule, 32);
struct acl {
  u32 count;
  u32 zero;
  struct acl_rule rules[MOST_ACL_RULES]; /* by number */
};
ABI_SIZE(acl, 3208);

/* Policy. A table is one direction of one group set: set * 2 + direction. A
 * class is a list of rules: those of one peer, which is a prefix or a group.
 * (prefix, table) and (group, table) lead to it. A cell leads from a class and a
 * kind of traffic to the choices: its rules in the order of their ids, as far
 * as later ones outlive all before them. So each rule of a set is there once,
 * however its prefixes lie and its groups overlap. */
enum direction { DIRECTION_IN = 0, DIRECTION_OUT = 1 };
struct prefix_key {
  u32 prefix_length; /* over table and address: 32 + mapped length */
  u32 table;
  struct address address;
};
ABI_SIZE(prefix_key, 24);
/* What a look-up finds is the innermost prefix; the one around it is found by
 * asking again for shorter ones. */
struct prefix {
  struct versioned rule_class;
  u32 length; /* its own, as in the key */
};
ABI_SIZE(prefix, 16);
struct identity_key {
  u32 table;
  u32 group;
};
ABI_SIZE(identity_key, 8);
struct cell_key {
  u32 prefix_length; /* over class, protocol, zero and selector: 32, 48 .. 64 */
  u32 rule_class;
  u8 protocol;
  u8 zero;
  be16 selector; /* target port, or ICMP type and code */
};
ABI_SIZE(cell_key, 12);
struct choice {
  u32 rule;
  u32 next; /* 0: the last */
};
ABI_SIZE(choice, 8);
enum { RULE_KEEP = 1 };
/* Audited rules are in tables of their own, asked only when a packet is denied. */
enum { TABLE_AUDIT = 1 << 30 };
struct set {
  struct versioned version;       /* grows with each change that concerns the set */
  u16 audited;                    /* 1: it has audited rules */
  u16 names_groups;               /* 1: groups are peers of its rules */
  u32 groups[MOST_GROUPS_OF_SET]; /* 0 behind the last */
};
ABI_SIZE(set, 80);
struct rule {
  u64 id;       /* the number in the rule's id: the order among rules */
  u64 deadline; /* boot time in ns from which it allows nothing; ~0: never */
  u32 flags;
  u32 zero;
};
ABI_SIZE(rule, 24);

/* Flows. The key is the same for both directions: (a, a_port) < (b, b_port). Where a TNI
 * stands between two ends there are two flows, one on each side of it. */
enum flow_icmp {
  FLOW_ICMP_NONE,
  FLOW_ICMP_OTHER,
  FLOW_ICMP_A_ASKS, /* echoes: a sends requests, b replies */
  FLOW_ICMP_B_ASKS,
};
struct flow_key {
  u32 vpc;
  u16 stand_in[2]; /* slots of the TNIs that stand in for a and b; 0: they themselves */
  struct address a;
  struct address b;
  be16 a_port;
  be16 b_port;
  u8 protocol;
  u8 icmp; /* enum flow_icmp */
  u8 zero[2];
};
ABI_SIZE(flow_key, 48);

/* A flow that was cut stays until its ends were told, or the rules allow it again. What
 * one of its ends sends may be refused by an ACL. */
enum {
  FLOW_KEEP_OUT = 1,
  FLOW_KEEP_IN = 2,
  FLOW_KEEP = 3,
  FLOW_EXEMPT = 4,
  FLOW_CUT = 8,
  FLOW_REFUSED_A = 16,
  FLOW_REFUSED_B = 32,
  FLOW_REFUSED = 48,
};
struct flow_end {
  u32 tni;     /* slot; 0: beyond the gateway */
  u32 salt;    /* the TNI's when the flow was opened: with another one the flow is over */
  u32 version; /* of the end's policy when the flow was judged last: struct standing */
  u32 border;  /* likewise of its VPC: struct border */
  u32 checked; /* the generation at which both ends stood so, when this one sent last */
  u32 zero;
  u64 packets; /* sent by this end */
  u64 bytes;
};
ABI_SIZE(flow_end, 40);
struct flow {
  struct flow_end end[2]; /* a, b */
  u64 started;            /* boot time, ns, as are the others */
  u64 expires;            /* idle until then: forgotten */
  u64 deadline;           /* the earliest of the rules that let it in; ~0: none */
  u64 rule;               /* number of the one that let it in; 0: none did */
  u8 initiator;           /* 0: a, 1: b */
  u8 state;
  u8 flags;
  u8 seen;       /* bit 0, 1: a FIN of a, b; bit 2, 3: a packet of a, b */
  u32 owner;     /* slot of the TNI whose share it uses */
  u32 slot;      /* its place in flow_slots */
  be16 selector; /* what the rules were asked: target port, or ICMP type and code */
  u16 zero;
};
ABI_SIZE(flow, 128);

/* Datagrams in pieces. */
struct datagram_key {
  u32 tni;
  u32 id;
  struct address source;
  struct address target;
  u8 protocol; /* IPv4 only (RFC 791; RFC 8200 4.5 has none) */
  u8 zero[3];
};
ABI_SIZE(datagram_key, 44);
struct piece {
  u16 first; /* in units of 8 bytes */
  u16 last;
};
struct datagram {
  u64 expires;
  be16 source_port; /* what the first piece said, as in struct packet */
  be16 target_port;
  be16 selector;
  u8 protocol;
  u8 flags;  /* PACKET_*, but for those about an inner packet */
  u16 count; /* of pieces */
  u16 units; /* in all pieces together */
  u16 total; /* units of the datagram; 0: the last piece wasn't seen */
  u16 zero;
  struct piece pieces[MOST_PIECES];
};
ABI_SIZE(datagram, 280);
struct datagram_count {
  u64 since;
  u32 open;
  u32 zero;
};
ABI_SIZE(datagram_count, 16);

/* What is counted for each TNI, on each processor. */
struct counters {
  u64 sent_packets;
  u64 sent_bytes;
  u64 received_packets;
  u64 received_bytes;
  u64 drops;
};
ABI_SIZE(counters, 40);

/* The flow log's records, through the ring buffer. */
enum event_kind { EVENT_DROP = 1, EVENT_FLOW_END = 2, EVENT_AUDIT = 3 };
struct event {
  u64 time; /* boot time, ns */
  u64 rule; /* the number of the rule, of an ACL if that refused it; or 0 */
  u64 tni;  /* the TNI's number whose rules decided, or whose packet it was */
  u64 vpc;
  u64 packets[2]; /* from the source, from the target */
  u64 bytes[2];
  u64 started;
  struct address source;
  struct address target;
  be16 source_port;
  be16 target_port;
  u8 protocol;
  u8 kind;
  u8 reason;
  u8 zero;
};
ABI_SIZE(event, 112);

/* What belongs to the whole instance. */
struct common {
  u32 flows;      /* in the table */
  u32 flow_high;  /* slots of flow_slots ever used */
  u32 most_flows; /* set by weftd */
  u32 zero;
  u64 events_lost;
};
ABI_SIZE(common, 24);

/* A packet as the judge sees it: what the parser made of it, and the two
 * inputs that no packet carries, the time and who sent it. */
enum {
  PACKET_ICMP_ERROR = 1, /* the inner fields are set; the inner source is `target` */
  PACKET_ICMP_OTHER = 2, /* ICMP that is no echo: its ports are the selector */
  PACKET_ECHO_REQUEST = 4,
  PACKET_ECHO_REPLY = 8,
  PACKET_INNER_REQUEST = 16,
  PACKET_INNER_REPLY = 32,
};
struct packet {
  u64 now;
  u32 tni; /* the sender's slot; 0: it came from the gateway of `vpc` */
  u32 vpc;
  struct address source;
  struct address target;
  struct address inner_target;
  be16 source_port; /* of an echo: its id, as is the target's */
  be16 target_port;
  be16 selector; /* target port, or ICMP type << 8 | code */
  be16 inner_source_port;
  be16 inner_target_port;
  u8 protocol;
  u8 inner_protocol;
  u8 tcp_flags;
  u8 flags;
  u16 zero;
  u32 length; /* of the IP packet */
};
ABI_SIZE(packet, 88);
struct judgement {
  u64 rule; /* number of the one that decided, or 0 */
  u32 reason;
  u32 target; /* slot of the TNI that it goes to; 0: the gateway, or nobody */
  u32 denier; /* slot of the TNI whose rules denied it, or 0 */
  u32 zero;
};
ABI_SIZE(judgement, 24);
struct probe {
  struct packet packet;
  struct judgement judgement;
};
ABI_SIZE(probe, 112);

#ifdef __cplusplus
}  // namespace weft::abi
#endif
