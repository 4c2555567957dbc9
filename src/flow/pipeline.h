/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packet engine: batches of frames in, events in one order out, whatever the number of workers. Used by `read`
 * (files) and by the engine (live). No I/O; threads only when more than one worker is asked for, made in
 * pipeline_new().
 *
 * Engine time is the highest frame time so far. Each virtual shard's tracker belongs to one worker. The caller's thread
 * merges what the workers have to say by frame number and delivers it; with one worker everything happens in the
 * caller's thread, in the same order. */
#ifndef SEKIMORI_FLOW_PIPELINE_H
#define SEKIMORI_FLOW_PIPELINE_H

#include "flow/tracker.h"
#include "rules/sift.h"
#include "source/capture.h"

#define PIPELINE_WORKERS_MAX 32

struct pipeline_params {
        const struct home *home; /* outlives the pipeline */
        unsigned workers;        /* 1 .. PIPELINE_WORKERS_MAX */
        uint32_t flows;          /* cap, in all */
        uint64_t talk_bytes;     /* cap of memory for decoders and streams, in all */
        uint64_t seed;           /* random; changes no result */
        uint32_t packet_flags;   /* PACKET_CHECK */
        uint8_t source;          /* index in sources.def */
        /* Rules: NULL: none. They outlive the pipeline. Alerts are sifted (rules/sift.h) before they are delivered. */
        const struct ruleset *rules;
        uint64_t rule_bytes;                           /* cap of what is kept of flows for them, in all */
        uint32_t alerts_per_second, alerts_per_packet; /* see struct sift_params */
        bool rule_midstream, rule_twice;
        bool rule_profile;
        const struct tracker_inspector *inspector; /* NULL: rules/inspect.h */
        /* In the caller's thread, in order of time; valid during the call. */
        void (*event)(void *userdata, const struct event *e);
        void (*advance)(void *userdata, nsec_t now); /* engine time goes on; at least once a second of it */
        void *userdata;
};

struct pipeline_stats {
        struct tracker_stats trackers; /* of all shards */
        uint64_t frames, bytes;        /* captured */
        uint64_t backward; /* frames earlier than engine time, or alone an hour ahead: taken at engine time */
        uint64_t events, events_dropped;
        struct sift_stats alerts;
        nsec_t first, now; /* engine time at the beginning and now; 0: no frame yet */
};

struct pipeline;

int pipeline_new(const struct pipeline_params *params, struct pipeline **ret);
void pipeline_free(struct pipeline *p);
DEFINE_FREEP(struct pipeline, pipeline_free)

/* An empty batch to fill; it must be given back by pipeline_put() before the next is taken. May deliver events. */
struct capture_batch *pipeline_take(struct pipeline *p);
/* Hands the filled batch over. Its frame times may be changed. May deliver events, of this batch and of earlier ones.
 */
void pipeline_put(struct pipeline *p, struct capture_batch *b);
/* The same for frames that lie somewhere else and may not be there any more after the call (a live ring): with one
 * worker only. */
void pipeline_frames(struct pipeline *p, struct frame *frames, uint32_t n);
/* Engine time goes on without frames (live). */
void pipeline_advance(struct pipeline *p, nsec_t now);
/* What was lost since the last call, as gap events. Waits for what is in flight. */
void pipeline_tell_gaps(struct pipeline *p);
/* Waits for everything, ends every flow, tells the gaps. Nothing may follow but pipeline_get_stats() and
 * pipeline_free(). */
void pipeline_finish(struct pipeline *p);
/* Waits for what is in flight, and may deliver its events. */
void pipeline_get_stats(struct pipeline *p, struct pipeline_stats *ret);

#endif
