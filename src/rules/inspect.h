/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inspection: a packet, a piece of a stream or of a transaction, against all rules of a set. First the prefilter says
 * which rules' rarest literals occur; those, what waits from earlier, and the few rules without a literal are evaluated
 * exactly. One inspector per worker's shard: it owns scratch memory and what flows keep; the set is shared and only
 * read. Pure, no I/O. Runs in the engine and in `read`.
 *
 * Not decided here, because it spans shards: thresholds and xbits (rules/sift.h), in the order of engine time. */
#ifndef SEKIMORI_RULES_INSPECT_H
#define SEKIMORI_RULES_INSPECT_H

#include "decode/packet.h"
#include "rules/ruleset.h"

struct inspector;

/* What rules keep of a flow: bits, what waits. From the inspector's capped pool, made when first needed. */
struct inspect_flow;

/* One buffer at hand. */
struct inspect_buffer {
        const uint8_t *data;
        uint32_t len;
        uint32_t fresh; /* the last so many bytes were not seen in an earlier inspection (WHOLE buffers: all of them) */
        uint64_t base;  /* offset of data[0] in the stream or body */
        bool complete;  /* data + len is its end: what must be the last, or must not come, can be judged */
};

enum inspect_flag {
        INSPECT_TO_SERVER = 1 << 0, /* the bytes were sent by the originator; else TO_CLIENT */
        INSPECT_ESTABLISHED = 1 << 1,
        INSPECT_STREAM = 1 << 2, /* PAYLOAD is a window of the reassembled stream, not the packet's payload */
        INSPECT_PACKET = 1 << 3, /* a packet is at hand: tests of headers can be judged */
        INSPECT_FINAL = 1 << 4,  /* the transaction or stream ends: what is missing will not come */
        INSPECT_MIDSTREAM = 1 << 5,
        INSPECT_APP_DONE =
                1 << 6, /* recognition of the protocol is over, also with APP_UNKNOWN (app-layer-protocol:failed) */
        INSPECT_STREAM_ADDED = 1 << 7, /* of a packet: its payload went, or will go, into the stream */
        INSPECT_FIRST = 1 << 8,        /* of a packet: the first of its flow and direction: also rules that look at
                                        * addresses only, which are not asked about again */
};

/* How inspections come. A packet: INSPECT_PACKET, PAYLOAD its payload (of ICMP: behind the eight bytes of its header);
 * the first of each flow and direction always, later ones as inspector_wants() said. A piece of a stream:
 * INSPECT_STREAM, PAYLOAD the window; `packet` only if it carried the last bytes of it. A transaction: its buffers;
 * beside them PAYLOAD stands there, not to be scanned, with what the stream's window, or the datagram, holds now: a
 * rule that looks at both is judged then. The first transaction of a datagram comes together with its packet.
 *
 * A packet whose whole payload is the last bytes of the window can come in one call with that piece: INSPECT_STREAM |
 * INSPECT_PACKET | INSPECT_STREAM_ADDED. Its payload is then `packet`'s; both are judged by one scan, which halves the
 * cost of the usual packet, and a rule that looks at both matches once.
 *
 * A pass that matches a stream, a transaction or only addresses silences the rest of the flow, as Suricata does; one
 * that matches a packet silences that call. */

struct inspect_input {
        nsec_t time;
        uint32_t flags;               /* enum inspect_flag */
        const struct addr *src, *dst; /* of these bytes: src sent them */
        uint16_t sport, dport;
        uint8_t proto;                     /* IPPROTO_* */
        uint8_t app;                       /* enum app: of the flow; UNKNOWN: not (yet) recognised */
        uint8_t app_side[2];               /* what each side alone looks like, by ORIGINATOR, RESPONDER */
        uint32_t events;                   /* mask of enum rule_event that happened */
        uint32_t tls_versions, tls_states; /* masks as of TEST_SSL_VERSION and TEST_SSL_STATE */
        uint64_t stream_bytes[2];          /* of each side so far, for stream_size, which counts the SYN as one */
        const struct packet *packet;       /* with INSPECT_PACKET, and to name the packet of an alert; may be NULL */
        uint64_t have;                     /* BUFFER_BITs that buffers[] has */
        uint64_t scan;   /* those whose fresh bytes are to be scanned now; the others stand there for parts */
        uint64_t coming; /* those of this transaction that are not there yet and may still come */
        const struct inspect_buffer *buffers; /* BUFFERS of them, by enum rule_buffer */
        /* Buffers that came several times (dns.query of several questions) are inspected one after the other. */
        struct inspect_flow **flow; /* where the flow keeps it; NULL there at first */
        uint32_t transaction;       /* number within flow and direction: what waits, waits within it */
};

/* A rule matched, in the order of action, priority (1 first), then index. Not for pass, nor for noalert unless the rule
 * sets xbits. */
typedef void inspect_match_fn(void *userdata, const struct rule *r, const struct inspect_input *in);

struct inspect_params {
        const struct ruleset *rules; /* outlives the inspector */
        uint32_t pool_bytes;         /* cap of what flows keep; beyond, the flow longest unused loses it, counted */
        inspect_match_fn *match;
        void *userdata;
        bool profile; /* count and time every evaluation */
        bool twice;   /* a rule that looks at packets and at their stream, and matches both, matches twice: as Suricata
                       * does when it does not work inline */
};

struct inspect_stats {
        uint64_t inspections, scanned_bytes, candidates, evaluations, matches;
        uint64_t passed;        /* matches of pass rules */
        uint64_t waiting;       /* rules that wait for more of their transaction or stream, now */
        uint64_t wait_dropped;  /* no room to wait */
        uint64_t flows_dropped; /* what flows kept, lost for want of memory */
        uint64_t bits_dropped;  /* a bit that could not be kept */
        uint64_t step_limit;    /* evaluations that ended at the limit of steps or of PCRE2 */
        uint64_t pool_bytes;
};
struct inspect_profile { /* of one rule */
        uint64_t candidates, evaluations, matches, ns;
};

int inspector_new(const struct inspect_params *params, struct inspector **ret);
void inspector_free(struct inspector *i);
DEFINE_FREEP(struct inspector, inspector_free)

/* Must anything be inspected for such packets and flows at all? Cheap; asked once per flow and direction. The mask of
 * BUFFER_BITs that rules of this set look at for these ends. Neither `app` nor INSPECT_ESTABLISHED counts. With
 * INSPECT_STREAM: PAYLOAD: of the stream, and the buffers of every app. With INSPECT_PACKET: PAYLOAD: packets of this
 * kind that are not the first must be inspected; kinds: with payload (`have` has PAYLOAD) or without, and of TCP
 * without, those with any flag but ACK and PSH (`packet` has one), or no other. */
uint64_t inspector_wants(const struct inspector *i, const struct inspect_input *in);
void inspect(struct inspector *i, const struct inspect_input *in);
/* The flow ends. *flow becomes NULL. */
void inspect_flow_end(struct inspector *i, struct inspect_flow **flow);
void inspector_get_stats(const struct inspector *i, struct inspect_stats *ret);
/* By index of the rule; NULL without params.profile. */
const struct inspect_profile *inspector_profile(const struct inspector *i);

/* ---- exact evaluation of one rule, with its reasons: `rules test`, and what the tests compare with ---- */

struct inspect_why {
        uint16_t part, step; /* of the rule; UINT16_MAX: a test of header, flow or bits */
        bool held;
        char text[160]; /* "content \"JOIN\" at 12", "dsize 40 is not < 20" */
};
enum inspect_answer { INSPECT_NO, INSPECT_MATCH, INSPECT_WAIT };
/* Every condition in order until one fails; `why` is called for each. Changes nothing. */
enum inspect_answer inspect_rule(struct inspector *i, const struct rule *r, const struct inspect_input *in,
                                 void (*why)(void *userdata, const struct inspect_why *w), void *userdata);

#endif
