/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `run` and `scan` share: the command line's overrides of the configuration. */
#ifndef SEKIMORI_CLI_WATCH_H
#define SEKIMORI_CLI_WATCH_H

#include "cli/cli.h"
#include "daemon/daemon.h"

enum watch_option {
        WATCH_FOR = 2000,
        WATCH_BACKEND,
        WATCH_EVE,
        WATCH_EVENTS,
        WATCH_CONTROL,
        WATCH_QUIET,
        WATCH_INTERFACE,
        WATCH_FILTER,
        WATCH_HOME
};

/* Applies one option to the overrides. 0, or negative with cli->status set. */
struct watch {
        const char *backend, *eve, *control, *interface, *filter;
        struct config_cidrs home; /* of --home; empty: the configuration's */
        nsec_t run_for;
        bool events, quiet;
};
int watch_take_option(struct cli *cli, struct watch *w, int option, const char *arg);

/* Loads the configuration, applies the overrides and fills *ret. 0, or negative with cli->status set. */
int watch_prepare(struct cli *cli, const struct watch *w, struct daemon_params *ret);

#endif
