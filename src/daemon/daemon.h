/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon as processes. The warden (root) opens the source, restarts the others and parses nothing from outside; the
 * engine (no rights) decodes, detects, decides and writes; keeper.h and postman.h say what theirs do. `run`, `scan` and
 * `demo` start the same code. */
#ifndef SEKIMORI_DAEMON_DAEMON_H
#define SEKIMORI_DAEMON_DAEMON_H

#include "config/config.h"
#include "model/verdict.h"

struct daemon_params {
        struct config *config;   /* with the command line's overrides applied; outlives the call */
        const char *config_path; /* as given, for reloads; NULL: the default */
        bool memory_store;       /* keep nothing on disk (scan) */
        bool scan;               /* print what talks outside at the end */
        bool quiet;              /* no live line */
        bool json;               /* scan: print JSON */
        nsec_t run_for;          /* 0: until stopped */
        enum level fail_on;      /* exit 1 when a subject reached it; LEVELS: never */
        bool unprivileged;       /* not root */
};

/* Runs until stopped. Returns an exit status: 0, 1 (found), 3 (nothing can be watched). */
int daemon_run(const struct daemon_params *params);

#endif
