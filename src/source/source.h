/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The contract of a source: it turns what a machine or a file says into events. Two halves, in two processes:
 *
 *   open   warden (root): loads, opens, attaches; returns descriptors and nothing else.
 *   start  engine (no rights): gets those descriptors, reads them and delivers events.
 *
 * A source counts what it loses and says so with gap events. */
#ifndef SEKIMORI_SOURCE_SOURCE_H
#define SEKIMORI_SOURCE_SOURCE_H

#include "base/buf.h"
#include "config/config.h"
#include "model/event.h"

#define SOURCE_FDS_MAX 16

/* What open() hands to start(), over SCM_RIGHTS. Roles are the source's own. */
struct source_fds {
        int fd[SOURCE_FDS_MAX]; /* -1: none */
        int n;
        char note[256]; /* what was found, for `doctor` and the first lines of `run` */
};

/* Closes what is open in it; all places become -1. */
void source_fds_close(struct source_fds *fds);

/* Where events go. The event and its slices are valid only during the call. */
struct event_sink {
        void (*event)(void *userdata, const struct event *e);
        void *userdata;
};

/* What the engine may ask the warden to do for a source: a closed list. */
enum source_request {
        SOURCE_REQUEST_SNAPSHOT, /* open fresh descriptors that list what exists now */
        SOURCE_REQUEST_RESTART,  /* (warden's own) everything open() gave, again, for an engine that starts anew */
        SOURCE_REQUESTS,
};

/* What is watched at the same time: this machine through the best back end there is, packets of a device, and what the
 * mail gate decides. In this order, so that a process is known before the gate speaks of it. */
enum source_slot { SLOT_HOST, SLOT_PACKETS, SLOT_GATE, SLOTS };

/* event.source: the place in sources.def, or one of these. */
enum { EVENT_SOURCE_PACKETS = 16, EVENT_SOURCE_LOG, EVENT_SOURCE_GATE };

struct ruleset;
struct os_syn;

struct source_params {
        const struct config *config;
        const struct ruleset *rules; /* for sources of packets; NULL: none. Outlives the source, or is replaced */
        struct event_sink sink;
        /* Asks the warden; the answer arrives through answer(). May be NULL (then nothing can be asked). */
        int (*ask)(void *userdata, enum source_request request);
        /* Somebody's first packet to port 25, where the source has packets. May be NULL. */
        void (*mail_syn)(void *userdata, const struct os_syn *syn);
        void *userdata;
};

struct source {
        const char *name; /* as in sources.def */
        const char *help;

        /* Can it work here, and with what? 0, or negative errno; writes sentences for `doctor`, one per line. */
        int (*probe)(struct buf *out);

        /* Warden's half. `self` is this process's own private state for later requests; close() ends it. */
        int (*open)(const struct config *config, struct source_fds *ret_fds, void **ret_self);
        int (*request)(void *self, enum source_request request, struct source_fds *ret_fds);
        void (*close)(void *self);

        /* Engine's half. Takes ownership of the descriptors. */
        int (*start)(const struct source_params *params, struct source_fds *fds, void **ret_state);
        int (*poll_fd)(void *state);               /* readable when there is something; -1: only timed */
        int (*dispatch)(void *state, int budget);  /* delivers what is there; returns events delivered */
        int (*tick)(void *state, nsec_t boottime); /* about every 20 ms while busy, every second idle */
        int (*answer)(void *state, enum source_request request, struct source_fds *fds);
        void (*stop)(void *state);
};

/* Back ends of the host sensor: all of sources.def, NULL-terminated, best first. */
extern const struct source *const sources[];

const struct source *source_find(const char *name);

#endif
