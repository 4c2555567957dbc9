/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The middle of the pipeline as one object: events in, claims and verdicts out. It keeps engine time, the lineage, the
 * profiles of home hosts, the detectors' states and the ledger. No I/O: the daemon, the replays and the fuzzers drive
 * the same code. */
#ifndef SEKIMORI_VERDICT_ANALYSIS_H
#define SEKIMORI_VERDICT_ANALYSIS_H

#include "flow/lineage.h"
#include "flow/profile.h"
#include "verdict/ledger.h"

struct analysis;

struct analysis_params {
        const struct config *config; /* outlives the analysis, or is replaced with analysis_set_config() */
        uint8_t boot_id[16];
        struct ledger_sink sink;
};

int analysis_new(const struct analysis_params *params, struct analysis **ret);
void analysis_free(struct analysis *a);
DEFINE_FREEP(struct analysis, analysis_free)

/* Delivers one event. Engine time is the highest event time so far; an event that lies back is taken at engine time and
 * counted (analysis_backward). Ticks run when engine time passes a whole second. */
void analysis_event(struct analysis *a, const struct event *e);
/* Engine time goes on without an event. */
void analysis_advance(struct analysis *a, nsec_t now);
/* The new configuration counts from the next event; detectors whose settings changed start afresh. */
int analysis_set_config(struct analysis *a, const struct config *config);

nsec_t analysis_now(const struct analysis *a);
uint64_t analysis_backward(const struct analysis *a);
struct ledger *analysis_ledger(struct analysis *a);
struct profile *analysis_profile(struct analysis *a);
const struct lineage *analysis_lineage(const struct analysis *a);

#endif
