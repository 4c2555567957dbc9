/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From packet headers and the scanner's records to events: the engine's half without its descriptors and clock, so that
 * tests step both. A flow is told of once its process is known, or once two scans did not find one (then without a
 * task, and counted). Caps: flows 32,768, sockets 65,536, forged destinations under question 64. */
#ifndef SEKIMORI_SOURCE_HOST_PROC_TRACK_H
#define SEKIMORI_SOURCE_HOST_PROC_TRACK_H

#include "base/cleanup.h"
#include "source/host_proc_capture.h"
#include "source/host_proc_wire.h"
#include "source/source.h"

struct host_proc_track;

struct host_proc_track_params {
        struct event_sink sink;
        uint8_t source; /* index in sources.def */
        bool capture;   /* packets of this network namespace are seen */
};

int host_proc_track_new(const struct host_proc_track_params *params, struct host_proc_track **ret);
void host_proc_track_free(struct host_proc_track *t);
DEFINE_FREEP(struct host_proc_track, host_proc_track_free)

/* Times are engine time. */
void host_proc_track_packet(struct host_proc_track *t, const struct host_proc_captured *p);
/* One record of the scanner, whatever it holds: a malformed one is counted and dropped. */
void host_proc_track_record(struct host_proc_track *t, const struct host_proc_record *r, nsec_t now);
/* Time moved on: updates, ends and gaps that are due. */
void host_proc_track_tick(struct host_proc_track *t, nsec_t now);

/* The scan asked for next will have this number; needed to know which questions it can answer. */
uint32_t host_proc_track_next_scan(struct host_proc_track *t);
/* Connections to ask for in that scan, before its number is taken. Those that do not fit wait for a later one, unless
 * `all` says that this one reads the whole tables. */
uint32_t host_proc_track_queries(struct host_proc_track *t, struct host_proc_query queries[static HOST_PROC_QUERIES],
                                 bool all);
/* Something waits for a scan. */
bool host_proc_track_wants_scan(const struct host_proc_track *t);
/* Before the first answer packets cannot be told apart, and are better left in the ring. */
bool host_proc_track_is_ready(const struct host_proc_track *t);
/* Malformed packets or messages that the caller met. */
void host_proc_track_count_bad(struct host_proc_track *t, uint64_t n);
/* Events delivered so far. */
uint64_t host_proc_track_events(const struct host_proc_track *t);

#endif
