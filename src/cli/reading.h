/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `read` finds: events into the analysis, and out as JSON lines or as a report at the end. */
#ifndef SEKIMORI_CLI_READING_H
#define SEKIMORI_CLI_READING_H

#include "cli/cli.h"
#include "flow/pipeline.h"
#include "source/log.h"
#include "verdict/analysis.h"

struct reading;

struct reading_params {
        struct cli *cli;
        struct store *store; /* what is found is put there: the caller's, may be in memory */
        bool events;         /* with JSON: events too */
        bool profiles;       /* what hosts normally do is taken from the store and put back */
};

int reading_new(const struct reading_params *params, struct reading **ret);
void reading_free(struct reading *r);
DEFINE_FREEP(struct reading, reading_free)

/* Takes an event of any source. */
void reading_event(void *userdata, const struct event *e);
/* Engine time goes on. */
void reading_advance(struct reading *r, nsec_t now);
/* What was said so far goes out. */
void reading_flush(struct reading *r);
/* Was standard output closed by its reader? Then there is no use in going on. */
bool reading_output_gone(const struct reading *r);

/* What was read, for the summary. */
struct reading_totals {
        unsigned files;
        bool captures; /* pipeline and capture are filled */
        struct capture_stats capture;
        struct pipeline_stats pipeline;
        struct log_stats logs;
        const struct ruleset *rules; /* NULL: none */
        nsec_t took;
        bool interrupted;
};

/* Verdicts, gaps, summary. Returns an enum cli_status. */
int reading_finish(struct reading *r, const struct reading_totals *t);

#endif
