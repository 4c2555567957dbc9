/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Relays in numbers, out of the store: `sekimori mail --stats`, and a part of `report`. Runs in the command line. */
#ifndef SEKIMORI_CLI_MAIL_STATS_H
#define SEKIMORI_CLI_MAIL_STATS_H

#include "cli/cli.h"

/* `sekimori mail --stats`: returns the exit status. */
int mail_stats_run(struct cli *cli);
/* The same tables, when the store has relays; as JSON a line. 0 or negative errno. */
int mail_stats_put(struct cli *cli, struct store *s, struct buf *out, bool *ret_any);

#endif
