/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packet engine for live devices: a thread for each ring, with the trackers of the shards that the kernel gives to
 * that ring. The caller collects what they say. Unlike in `read`, events of different lanes are in order of time only
 * as far as they were collected together: whoever takes them keeps engine time (verdict/analysis.h). Runs in the
 * engine. */
#ifndef SEKIMORI_FLOW_LANES_H
#define SEKIMORI_FLOW_LANES_H

#include "decode/os_syn.h"
#include "flow/pipeline.h"
#include "source/ring.h"

#define LANES_MAX 8
/* Events waiting in a lane; beyond they are dropped and counted. */
#define LANE_EVENTS (1u << 18)
#define LANE_SYNS   256u

struct lanes_params {
        struct pipeline_params
                pipeline;              /* `workers`: rings; `advance` is not used; `event` comes from lanes_collect() */
        struct ring *rings[LANES_MAX]; /* taken over, also on failure */
        /* SYNs to port 25, the newest LANE_SYNS of each lane since the last lanes_collect(), which calls back. May be
         * NULL. */
        void (*mail_syn)(void *userdata, const struct os_syn *syn);
        void *userdata;
};

struct lanes_stats {
        struct pipeline_stats pipeline;
        struct ring_stats rings; /* of all */
};

struct lanes;

/* Starts the threads: they take signals' masks and limits as they are now. */
int lanes_new(const struct lanes_params *params, struct lanes **ret);
/* Ends the threads. Flows that are open are not told. */
void lanes_free(struct lanes *l);
DEFINE_FREEP(struct lanes, lanes_free)

/* Readable when events wait. */
int lanes_fd(const struct lanes *l);
/* Delivers what waits, at engine time `now`. Returns how many events. */
unsigned lanes_collect(struct lanes *l, nsec_t now);
/* Ends the threads and every flow, and delivers what they say. Only lanes_free() may follow. */
void lanes_finish(struct lanes *l, nsec_t now);
/* Another set of rules, or none, from now on. Delivers what the old one still had to say: it may go after the call. On
 * failure (-ENOMEM) the old one stays in force. */
int lanes_set_rules(struct lanes *l, const struct ruleset *rules, nsec_t now);
/* What was lost since the last call, as gap events. */
void lanes_tell_gaps(struct lanes *l, nsec_t now);
/* Is the device away? */
bool lanes_gone(const struct lanes *l);
void lanes_get_stats(struct lanes *l, struct lanes_stats *ret);

#endif
