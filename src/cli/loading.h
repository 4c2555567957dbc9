/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules for commands: those of the configuration and those of --rules. */
#ifndef SEKIMORI_CLI_LOADING_H
#define SEKIMORI_CLI_LOADING_H

#include "cli/cli.h"
#include "rules/load.h"

struct loading {
        const char **files; /* of --rules: the command line's */
        size_t n;
};

void loading_done(struct loading *l);
/* One more file of --rules. 0, or negative with cli->status set. */
int loading_take(struct loading *l, struct cli *cli, const char *file);
/* Loads and compiles; *ret stays NULL when no rules are wanted. Says how many are refused. Needs cli_load_config(). 0,
 * or negative with the reason printed and cli->status set. */
int loading_rules(const struct loading *l, struct cli *cli, struct ruleset **ret);

#endif
