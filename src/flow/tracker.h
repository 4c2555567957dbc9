/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One virtual shard of the packet engine: packets in, events about home hosts out. It owns the shard's flows,
 * fragments, streams and decoders; nothing is shared with other shards, so that one worker or many give the same
 * events. Runs in the engine and in `read`, in a worker's thread; no I/O.
 *
 * TCP streams are put in order only while a decoder wants their bytes. Overlap policy: the bytes that came first stand.
 * Per direction at most STREAM_SEGMENTS segments and STREAM_BYTES bytes wait for what is missing; when the peer
 * acknowledges the missing bytes they were lost by the capture, and the decoder is told. */
#ifndef SEKIMORI_FLOW_TRACKER_H
#define SEKIMORI_FLOW_TRACKER_H

#include "config/home.h"
#include "decode/packet.h"
#include "flow/flow.h"
#include "rules/inspect.h"

#define STREAM_SEGMENTS 32
#define STREAM_BYTES    (64u << 10)

/* Whoever looks at content for rules: rules/inspect.h, or a test that writes down what it gets. */
struct tracker_inspector {
        int (*make)(const struct inspect_params *params, struct inspector **ret);
        void (*free)(struct inspector *i);
        uint64_t (*wants)(const struct inspector *i, const struct inspect_input *in);
        void (*inspect)(struct inspector *i, const struct inspect_input *in);
        void (*flow_end)(struct inspector *i, struct inspect_flow **flow);
};

struct tracker_params {
        const struct home *home; /* outlives the tracker */
        unsigned shard;          /* 0 .. SHARDS - 1 */
        uint32_t flows;          /* cap of its table */
        uint32_t talk_bytes;     /* cap of memory for decoders and streams */
        uint64_t seed;
        uint32_t packet_flags; /* PACKET_CHECK */
        uint8_t source;        /* index in sources.def, for the events */
        /* NULL: nothing is inspected, and nothing of it costs anything. Outlives the tracker. */
        const struct ruleset *rules;
        uint32_t rule_bytes;                       /* cap of memory for windows and transactions */
        uint32_t inspect_bytes;                    /* cap of what the inspector keeps of flows */
        const struct tracker_inspector *inspector; /* NULL: rules/inspect.h */
        bool rule_profile;
        bool rule_twice; /* see struct inspect_params */
        /* Streams whose handshake was not seen are looked at, too; else their packets only, and none is established. */
        bool rule_midstream;
        /* A rule matched. `f` is NULL for packets that are of no flow. */
        void (*alert)(void *userdata, const struct rule *r, const struct inspect_input *in, const struct flow *f);
        /* Events; valid during the call. RATE events are partial: one pair of hosts each (see rates.h). */
        void (*event)(void *userdata, const struct event *e);
        /* A frame with somebody's first packet to port 25. May be NULL. */
        void (*mail_syn)(void *userdata, const struct frame *f);
        void *userdata;
};

struct tracker_stats {
        struct packet_stats packets;
        struct flow_table_stats flows;
        uint64_t home_packets;  /* packets of flows that a home host takes part in */
        uint64_t wire_bytes;    /* of IP packets */
        uint64_t foreign_flows; /* without a home host */
        uint64_t held_segments, lost_bytes, duplicate_segments;
        uint64_t stray_segments;      /* whose numbers cannot be of their stream */
        uint64_t stray_ends;          /* FIN and RST of such numbers: taken for somebody else's */
        uint64_t duplicate_datagrams; /* the same again within 2 ms: counted, not decoded */
        uint64_t talk_refused;        /* flows not decoded, or no further, for want of memory */
        uint64_t talk_bytes;          /* held now */
        uint64_t broken;              /* flows that a decoder gave up */
        uint64_t rule_bytes;          /* held now for rules: windows and transactions */
        uint64_t rule_dropped;        /* flows whose window or transactions went for want of memory */
        uint64_t apps[APPS];          /* flows by what they speak */
};

struct tracker;

int tracker_new(const struct tracker_params *params, struct tracker **ret);
void tracker_free(struct tracker *t);
DEFINE_FREEP(struct tracker, tracker_free)

/* A frame of this shard, at engine time `now` (never before the last one). */
void tracker_frame(struct tracker *t, const struct frame *f, nsec_t now);

/* The same in three steps, with other frames in between, so that memory has time to come into the cache. Frames of a
 * shard begin in order and end in order; between the first step and the last of a frame that is `alone` nothing else
 * may begin, nor a tick between those of any frame. */
struct tracker_step {
        struct tracker *tracker;
        nsec_t now;
        uint32_t index; /* the caller's */
        uint32_t hash;
        bool alone; /* the packet's bytes lie in memory of the tracker */
        struct packet packet;
};
bool tracker_begin(struct tracker *t, const struct frame *f, struct tracker_step *ret); /* false: nothing follows */
void tracker_reach(const struct tracker_step *s);
void tracker_end(struct tracker_step *s);
/* A whole second of engine time has passed: rates, timeouts. */
void tracker_tick(struct tracker *t, nsec_t now);
/* Another set of rules, or none: flows stay, what was kept of them for rules begins anew. On failure (-ENOMEM) nothing
 * has changed. Not within an inspection. */
int tracker_set_rules(struct tracker *t, const struct ruleset *rules);
/* The end: every flow ends. */
void tracker_finish(struct tracker *t, nsec_t now);
void tracker_get_stats(const struct tracker *t, struct tracker_stats *ret);
void tracker_stats_add(struct tracker_stats *sum, const struct tracker_stats *more);

#endif
