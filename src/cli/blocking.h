/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Begins, ends and lists blocks for `block`, `unblock` and the demo. */
#ifndef SEKIMORI_CLI_BLOCKING_H
#define SEKIMORI_CLI_BLOCKING_H

#include "cli/cli.h"

struct blocking {
        struct cli *cli;  /* with its configuration loaded */
        const char *text; /* subject, as typed */
        nsec_t length;    /* 0: without end */
        bool freeze, dry_run;
};

/* All print what they did, and return an exit status. */
int blocking_begin(const struct blocking *b);
int blocking_end(const struct blocking *b);
int blocking_list(const struct blocking *b);

#endif
