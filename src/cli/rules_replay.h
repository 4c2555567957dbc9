/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A capture through the packet engine with somebody looking over the inspectors' shoulders: for `rules test` and
 * `rules profile`. One at a time in a process, and one worker. */
#ifndef SEKIMORI_CLI_RULES_REPLAY_H
#define SEKIMORI_CLI_RULES_REPLAY_H

#include "cli/rules.h"
#include "flow/pipeline.h"

struct rules_replay {
        struct cli *cli;
        const struct ruleset *rules; /* compiled */
        const char *capture;
        bool profile; /* inspectors count and time */
        bool all;     /* everything is inspected, also what no rule asks for */
        /* After each inspection; a rule matched; an alert is told; before the inspectors go. Each may be NULL. */
        void (*inspected)(void *userdata, struct inspector *i, const struct inspect_input *in);
        void (*matched)(void *userdata, const struct rule *r, const struct inspect_input *in);
        void (*alert)(void *userdata, const struct event *e);
        void (*done)(void *userdata, struct inspector *const *inspectors, unsigned n, const struct pipeline_stats *s);
        void *userdata;
};

/* Closes the sandbox before the capture is read. 0, or negative with the reason said and cli->status set. */
int rules_replay(const struct rules_replay *params);

#endif
