/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A flow as packets show it, and the table of flows of one virtual shard: found by an unordered 5-tuple, kept in lists
 * by how soon it may be forgotten. Runs in the engine and in `read`; no I/O.
 *
 * Memory: a flow is at most 256 bytes (FLOW_BYTES); what decoding needs beyond stands in pools of the tracker. The
 * table grows to its cap and no further: then the flow goes that matters least: closed ones first, then those that
 * nobody answered, then datagrams, and established TCP last; within a list the one longest quiet. Evictions are
 * counted. */
#ifndef SEKIMORI_FLOW_FLOW_H
#define SEKIMORI_FLOW_FLOW_H

#include <netinet/in.h>

#include "decode/packet.h"
#include "model/event.h"

#define FLOW_BYTES 256

/* Lists, in the order of eviction. Timeouts: as Suricata's and Linux conntrack's defaults, rounded; see flow_table.c.
 */
enum flow_list {
        FLOW_LIST_CLOSED,      /* ended; kept a moment for late packets */
        FLOW_LIST_NEW,         /* nobody answered yet */
        FLOW_LIST_DATAGRAM,    /* UDP, ICMP and others with packets both ways */
        FLOW_LIST_ESTABLISHED, /* TCP both ways */
        FLOW_LISTS,
};

enum flow_mark {
        FLOW_MARK_FOREIGN = 1 << 0,   /* no home host takes part: counted, not told */
        FLOW_MARK_MIDSTREAM = 1 << 1, /* TCP without its SYN */
        FLOW_MARK_TOLD_UP = 1 << 2,   /* its change to established was told */
        FLOW_MARK_NO_APP = 1 << 3,    /* recognition is over, without a decoder */
        FLOW_MARK_TEXT = 1 << 4,
        FLOW_MARK_RANDOM = 1 << 5,
        FLOW_MARK_TOUCHED = 1 << 6,         /* stands in this second's list (rates) */
        FLOW_MARK_TOLD = 1 << 7,            /* FLOW_START went out */
        FLOW_MARK_ENDED = 1 << 8,           /* FLOW_END went out */
        FLOW_MARK_NOT_ORIGINATOR = 1 << 10, /* what this side says is nothing we know */
        FLOW_MARK_NOT_RESPONDER = 1 << 11,
        FLOW_MARK_EXPECTED = 1 << 9,        /* announced by another flow (FTP data) */
        FLOW_MARK_SEQ_ORIGINATOR = 1 << 12, /* next_seq is known */
        FLOW_MARK_SEQ_RESPONDER = 1 << 13,
        FLOW_MARK_LATE_ORIGINATOR = 1 << 14, /* still sends bytes, though the flow has ended */
        FLOW_MARK_LATE_RESPONDER = 1 << 15,
};

/* The other half of the marks: what rules want of each side. Packets by kind: with payload, without, and of TCP without
 * those with other flags than ACK and PSH. */
enum flow_rules {
        FLOW_RULES_STREAM = 1 << 0,     /* its stream, or its transactions, as far as is known */
        FLOW_RULES_ASKED_DATA = 1 << 1, /* the next three are known */
        FLOW_RULES_ASKED_BARE = 1 << 2,
        FLOW_RULES_ASKED_FLAGS = 1 << 3, /* of UDP: whether it has transactions that are wanted */
        FLOW_RULES_DATA = 1 << 4,
        FLOW_RULES_BARE = 1 << 5,
        FLOW_RULES_FLAGS = 1 << 6,
};
#define FLOW_RULES(side, bits) ((uint32_t) (bits) << (16 + 7 * (side)))

enum { ORIGINATOR, RESPONDER };

struct talk; /* what decoding keeps (flow/tracker_internal.h) */

/* Three cache lines: what finds it; what the usual packet changes; the rest, needed once a second or less. */
struct flow {
        _Alignas(64) struct addr addr[2]; /* by ORIGINATOR, RESPONDER */
        uint16_t port[2];
        uint8_t proto, app, state, list;
        uint32_t hash, chain; /* of the bucket */
        uint32_t marks;       /* enum flow_mark */
        uint32_t listed;      /* second of engine time it was last moved within its list */
        nsec_t last;

        uint64_t bytes[2]; /* of payload, on the wire */
        uint32_t pkts[2];
        uint32_t next_seq[2]; /* TCP: expected next; UDP: hash of the last payload */
        uint64_t told_bytes;  /* total at the last event */
        struct talk *talk;    /* NULL: nothing is decoded */
        uint32_t told;        /* second of the last event */
        uint8_t tcp_seen[2];
        uint8_t home;           /* enum home_side: HOME_SRC is the originator */
        uint8_t fins;           /* bit per side */
        uint8_t second_seen[2]; /* TCP flags shown in this second */
        uint8_t zeros[2];       /* TCP: bytes at next_seq that may be padding */
        uint32_t feed;          /* number of what rules keep of it (flow/feed.h); 0: nothing */

        nsec_t first;
        uint64_t id;
        uint32_t older, younger; /* in the list */
        uint32_t touched;        /* place in the second's list */
        uint16_t second_requests, second_syns;
        uint8_t handovers;       /* from one decoder to the next */
        uint32_t syn_again;      /* number of a SYN on the established flow */
        uint32_t second_pkts[2]; /* pkts[] at the second's beginning */
        uint64_t second_bytes[2];
};

/* The type of the question that an ICMP message of this type answers (RFC 792, RFC 950, RFC 4443, RFC 4620), else the
 * type itself. */
static inline uint8_t flow_icmp_asks(uint8_t proto, uint8_t type)
{
        if (proto == IPPROTO_ICMP)
                return type == 0 ? 8 : type == 14 || type == 16 || type == 18 ? (uint8_t) (type - 1) : type;
        return type == 129 || type == 140 ? (uint8_t) (type - 1) : type;
}

static inline bool flow_icmp_is_question(uint8_t proto, uint8_t type)
{
        if (proto == IPPROTO_ICMP)
                return type == 8 || type == 13 || type == 15 || type == 17;
        return type == 128 || type == 139;
}

struct flow_table;

struct flow_table_stats {
        uint32_t used, cap;
        uint64_t made, expired, evicted[FLOW_LISTS];
        uint64_t bytes; /* of memory held */
};

struct flow_table_params {
        uint32_t cap;  /* flows at most, 16 .. 2^24 */
        uint64_t seed; /* of the hash: kept from whoever chooses addresses; does not change any result */
        /* Called for a flow that is about to go, by time or for room. */
        void (*gone)(void *userdata, struct flow *f, nsec_t when, bool evicted);
        void *userdata;
};

int flow_table_new(const struct flow_table_params *params, struct flow_table **ret);
void flow_table_free(struct flow_table *t); /* tells nobody */
DEFINE_FREEP(struct flow_table, flow_table_free)

/* Of the packet's 5-tuple, both directions alike. */
uint32_t flow_table_hash(const struct flow_table *t, const struct packet *p);
/* That hash will be looked for: first its bucket comes into the cache, then, some packets later, the flow. */
void flow_table_prefetch_bucket(const struct flow_table *t, uint32_t hash);
void flow_table_prefetch_flow(const struct flow_table *t, uint32_t hash);
/* The flow of the packet's 5-tuple, or NULL; *ret_side is the sender's. */
struct flow *flow_table_find(const struct flow_table *t, const struct packet *p, uint32_t hash, unsigned *ret_side);
/* The flow of a quoted 5-tuple (ICMP errors). */
struct flow *flow_table_find_quoted(struct flow_table *t, const struct packet *p, unsigned *ret_side);
/* A new flow, zeroed but for its key: the packet's source is the originator. Never NULL but without memory. */
struct flow *flow_table_add(struct flow_table *t, const struct packet *p, uint32_t hash);
/* Turns the roles: what was taken for the originator is the responder. */
void flow_turn(struct flow *f);
/* It was active at `now` (engine time), and belongs to that list. Cheap when called for every packet. */
void flow_table_touch(struct flow_table *t, struct flow *f, enum flow_list list, nsec_t now);
/* It goes, as if its time had come. */
void flow_table_forget(struct flow_table *t, struct flow *f, nsec_t now);
/* What has been quiet for longer than its list allows goes. */
void flow_table_expire(struct flow_table *t, nsec_t now);
/* All of them, in no order that matters; `each` neither adds nor forgets. */
void flow_table_each(struct flow_table *t, void (*each)(void *userdata, struct flow *f), void *userdata);
/* Everything goes (the end of a capture), in the order of last use within each list. */
void flow_table_flush(struct flow_table *t, nsec_t now);
void flow_table_get_stats(const struct flow_table *t, struct flow_table_stats *ret);

/* What remains of a list's timeout; for tests. */
nsec_t flow_list_timeout(enum flow_list list);

#endif
