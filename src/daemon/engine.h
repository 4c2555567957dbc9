/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine: takes events from the source, runs the analysis, stores and tells what it finds. The process without
 * rights. */
#ifndef SEKIMORI_DAEMON_ENGINE_H
#define SEKIMORI_DAEMON_ENGINE_H

#include "daemon/daemon.h"
#include "source/source.h"

struct engine_params {
        const struct daemon_params *daemon;
        const struct source *sources[SLOTS]; /* NULL: that is not watched */
        struct source_fds *fds; /* [SLOTS]: what each open() gave; taken over. All other descriptors are closed */
        int warden_fd;          /* messages */
        int control_fd;         /* listening socket for `status`; -1: none */
        pid_t warden;
        uint32_t restarts;              /* engines before this one */
        bool resumed;                   /* the host's source went on recording while there was no engine */
        bool reload;                    /* read the configuration again: the order for it came before this engine */
        nsec_t began;                   /* boot time: the daemon began to watch */
        const struct config_cidrs *own; /* this machine's addresses: at home, whatever a new configuration says */
};

/* Runs in the forked child; returns its exit status. */
int engine_main(const struct engine_params *params);

#endif
