/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the tracker share. Not for others. */
#ifndef SEKIMORI_FLOW_TRACKER_INTERNAL_H
#define SEKIMORI_FLOW_TRACKER_INTERNAL_H

#include "base/table.h"
#include "decode/app.h"
#include "flow/tracker.h"

#define PROBE_BYTES 64 /* of one direction, kept until it is known what it speaks (decode/app.h) */

/* A piece of a stream that came too early. */
struct segment {
        struct segment *next;
        uint32_t seq, len;
        uint32_t lost; /* bytes behind it that were not captured */
        uint8_t data[];
};

/* A part of a stream: bytes, and how many behind them were not captured. */
struct piece {
        uint32_t seq, len, lost;
        const uint8_t *data;
};

struct stream {
        struct segment *held; /* by sequence number, not overlapping */
        uint32_t n_held, held_bytes;
        uint8_t probe_len;
};

/* What decoding one flow keeps: from its tracker's pool. */
struct talk {
        const struct app_decoder *decoder; /* NULL: not known yet */
        struct talk *older, *younger;      /* by last use */
        struct flow *flow;
        struct stream dir[2];
        uint32_t second; /* of last use */
        uint32_t size;   /* of this allocation */
        enum app next;   /* switch_to() was called: APPS when not */
        uint8_t probe[2][PROBE_BYTES];
        _Alignas(8) uint8_t state[];
};

#define EXPECTED 32 /* connections announced and not seen yet; the oldest goes */
struct expected {
        struct addr addr;
        uint16_t port; /* 0: taken */
        uint8_t proto, app, name_len;
        nsec_t when;
        char name[64];
};

/* What one home host sent to one peer within the current second. */
struct pair {
        struct addr local, remote; /* the key */
        struct rate_event sum;
};

struct tracker {
        struct tracker_params params;
        struct packet_decoder *decoder;
        struct flow_table *flows;
        const struct app_decoder *by_app[APPS];
        nsec_t now, begin; /* begin: first frame or tick */
        uint64_t n_flows;
        struct tracker_stats stats;
        struct feeds *feeds; /* NULL: no rules */
        /* flows that had a packet within this second */
        struct flow **touched;
        uint32_t n_touched, touched_room;
        struct table *pairs;
        struct talk *oldest_talk, *youngest_talk;
        struct expected expected[EXPECTED];
        uint32_t n_expected, next_expected;
        /* the decoder that runs now */
        struct app_context context;
        struct flow *flow;
};

/* tracker_open.c: beginnings */
#define SIDE_UNKNOWN 2u
/* A new flow of this packet's; *side: what is known of its sender, then what it is. NULL without memory. */
struct flow *tracker_open(struct tracker *t, const struct packet *p, uint32_t hash, unsigned *side);
/* Does this TCP packet of the flow's ends, a SYN or one after its end, begin another one? *side becomes what is known
 * of its sender there. */
bool tracker_opens_anew(const struct tracker *t, struct flow *f, unsigned *side, const struct packet *p);
/* An ICMP error that quotes a packet of ours. */
void tracker_unreachable(struct tracker *t, const struct packet *p);

/* tracker_tell.c: events */
void tracker_tell_flow(struct tracker *t, struct flow *f, enum flow_op op);
void tracker_emit(struct app_context *c, struct event *e, bool by_originator);

/* Are the bytes of its streams put in order, for a decoder or for rules? */
static inline bool tracker_follows(const struct flow *f)
{
        return !(f->marks & FLOW_MARK_NO_APP) ||
               f->marks & (FLOW_RULES(ORIGINATOR, FLOW_RULES_STREAM) | FLOW_RULES(RESPONDER, FLOW_RULES_STREAM));
}

/* tracker_rules.c: what rules look at. Only with t->feeds. */
int tracker_rules_new(struct tracker *t);
void tracker_rules_free(struct tracker *t);
/* A new flow. */
void tracker_rules_open(struct flow *f);
/* A packet, counted; `f` NULL: of no flow. A packet of TCP that has bytes waits until its stream has taken them:
 * tracker_rules_rest(). */
void tracker_rules_packet(struct tracker *t, struct flow *f, unsigned side, const struct packet *p, uint8_t before);
void tracker_rules_rest(struct tracker *t, struct flow *f, unsigned side, const struct packet *p);
/* The next bytes of a direction that has FLOW_RULES_STREAM, or bytes of it that will not come. */
void tracker_rules_stream(struct tracker *t, struct flow *f, unsigned side, const uint8_t *data, uint32_t len);
void tracker_rules_lost(struct tracker *t, struct flow *f, unsigned side, uint32_t bytes);
/* Bytes that came before came again, from `back` bytes before the next one on. */
void tracker_rules_again(struct tracker *t, struct flow *f, unsigned side, const struct piece *p, uint32_t back);
void tracker_rules_end(struct tracker *t, struct flow *f);
/* A second is over: what waits is looked at. */
void tracker_rules_tick(struct tracker *t);
/* A rule matched. */
void tracker_alert(struct tracker *t, struct flow *f, const struct rule *r, const struct inspect_input *in);

/* tracker_stream.c: bytes of TCP in order */
void tracker_stream_data(struct tracker *t, struct flow *f, unsigned side, const struct packet *p);
void tracker_stream_ack(struct tracker *t, struct flow *f, unsigned side, uint32_t ack);
/* Numbers further away than this are not believed unless the other end acknowledges them. One in 2,048 is that near to
 * another. Only what the capture missed can lie between ours and the true one. */
#define STREAM_NEAR (1u << 20)
static inline bool tracker_stream_is_near(uint32_t a, uint32_t b)
{
        return a - b + STREAM_NEAR <= 2 * STREAM_NEAR;
}
/* A packet of a flow that is not established yet: where its streams begin. */
void tracker_stream_open(struct flow *f, unsigned side, const struct packet *p);
/* Does whoever sent this FIN or RST know the numbers of the flow? As far as they are followed. */
bool tracker_stream_believes(const struct flow *f, unsigned side, const struct packet *p);
/* What waits will not be completed any more. */
void tracker_stream_flush(struct tracker *t, struct flow *f);

/* tracker_talk.c: bytes to decoders */
/* Memory for a flow's decoding, from the share; NULL: none. Other flows may lose theirs. */
void *tracker_talk_take(struct tracker *t, const struct flow *f, size_t size);
/* The flow gets a talk if it has none. false: no memory, it is not decoded any further. */
bool tracker_talk_need(struct tracker *t, struct flow *f);
void tracker_talk_deliver(struct tracker *t, struct flow *f, unsigned side, const uint8_t *data, uint32_t len);
void tracker_talk_lost(struct tracker *t, struct flow *f, unsigned side, uint32_t bytes);
/* It is not decoded any further. */
void tracker_talk_give_up(struct tracker *t, struct flow *f);
/* What waited was delivered. */
void tracker_talk_drained(struct tracker *t, struct flow *f);
void tracker_datagram(struct tracker *t, struct flow *f, unsigned side, const struct packet *p);
void tracker_talk_end(struct tracker *t, struct flow *f);
void tracker_expect(struct app_context *c, const struct addr *addr, uint16_t port, enum app app,
                    const struct slice *name);
/* Was this new flow announced? Then it is marked; what it carries is asked with its first payload. */
void tracker_match_expected(struct tracker *t, struct flow *f);

/* tracker_rate.c */
/* The table of pairs needs room: what is known of the oldest is told now. */
bool tracker_rate_full(void *userdata, void *entry);
void tracker_rate_touch(struct tracker *t, struct flow *f);
void tracker_rate_gone(struct tracker *t, struct flow *f);
void tracker_rate_tick(struct tracker *t);

#endif
