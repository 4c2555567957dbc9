/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The contract of a detector: pure, (its state, event, time) -> evidence. No clock of its own, no I/O, no logging, no
 * globals. It knows no source and no program's name. Adding one: a source file, a row in detectors.def, a unit test,
 * two replays (a bot and a harmless look-alike). */
#ifndef SEKIMORI_DETECT_DETECTOR_H
#define SEKIMORI_DETECT_DETECTOR_H

#include "base/buf.h"
#include "config/config.h"
#include "flow/lineage.h"
#include "flow/profile.h"
#include "model/evidence.h"

/* Where a detector's claims go. `emit` copies; the evidence may live on the stack. */
struct evidence_sink {
        void (*emit)(void *userdata, const struct evidence *e);
        void *userdata;
};

struct detector_params {
        const struct config *config;   /* valid during new() only: a detector copies what it needs */
        const struct lineage *lineage; /* who created whom; kept up to date before each event is delivered */
        struct profile *profile;       /* what home hosts normally do, likewise; NULL: not known */
        uint8_t boot_id[16];           /* for process subjects */
};

struct detector {
        const char *name;   /* as in detectors.def and `exceptions:` */
        const char *help;   /* one line */
        const char *source; /* the paper or system the idea comes from */
        const char *limits; /* what it cannot see */
        uint32_t events;    /* bits (1 << enum event_type) it wants */
        const struct evidence_kind *kinds;
        size_t n_kinds;

        int (*new)(const struct detector_params *params, void **ret); /* 0 or negative errno */
        void (*free)(void *state);
        void (*event)(void *state, const struct event *e, struct evidence_sink *out);
        /* Engine time moved on, at least once a second while events come. May be NULL. */
        void (*tick)(void *state, nsec_t now, struct evidence_sink *out);
        /* Tells an evidence as a person would, in full sentences, one per line: who talked to whom since when, who
         * started whom, what came next. Only from its facts: it may come from the store. */
        void (*explain)(const struct evidence *e, struct buf *out);
};

/* The process of that thread as a subject, with its program as far as the lineage knows it. */
void detector_process_subject(const struct lineage *lineage, const uint8_t boot_id[static 16], const struct task *t,
                              struct subject *ret);

/* A home host as a subject: the address, or the /64 of an IPv6 address. */
void detector_host_subject(const struct addr *local, struct subject *ret);
/* Whom a claim from this flow is about: the process where the source knows it, else the home host. */
void detector_flow_subject(const struct lineage *lineage, const uint8_t boot_id[static 16], const struct flow_event *f,
                           struct subject *ret);

/* Who tried something at the mail gate; as the event names the program where the lineage does not. The machine itself
 * where no process is known. */
void detector_gate_subject(const struct lineage *lineage, const uint8_t boot_id[static 16], const struct gate_event *g,
                           struct subject *ret);

/* For explain(): text that came from outside, and "192.0.2.1 port 80/TCP" or "an unknown peer". */
void detector_put_text(struct buf *out, const char *text);
void detector_put_endpoint(struct buf *out, const struct evidence *e, const char *key);

/* The same as 16 bytes, for a detector's tables: equal keys, equal subjects. */
struct detector_key {
        uint8_t b[16];
};
struct detector_key detector_flow_key(const struct flow_event *f);
struct detector_key detector_host_key(const struct addr *local);

/* All of detectors.def, NULL-terminated. */
extern const struct detector *const detectors[];

const struct detector *detector_find(const char *name);
/* The kind of that full name ("server_like.order"), or NULL. */
const struct evidence_kind *evidence_kind_find(const char *name, const struct detector **ret_detector);

/* A line per name in the configuration that no detector has: an exception or a weight that never applies. */
void detector_check_config(const struct config *config, struct buf *notes);

#endif
