/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A process that the warden keeps running: the engine, the keeper, the postman. When one starts again after it died,
 * how it is ended, and the words for its end are the same for all. */
#ifndef SEKIMORI_DAEMON_CHILD_H
#define SEKIMORI_DAEMON_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"

#define CHILD_END_MAX 96

struct child {
        pid_t pid; /* 0: does not run */
        nsec_t started, backoff;
        nsec_t restart_at; /* 0: it runs, or is not wanted */
};

/* It was just started as `pid`. */
void child_started(struct child *c, pid_t pid);
/* Has it ended? Collects it then; *ret_status is as of waitpid(2). */
bool child_reap(struct child *c, int *ret_status);
/* It died, or could not be started: sets restart_at. Each time twice as late, from 100 ms to 10 s; one that ran for a
 * minute did not die of its start and begins anew. */
void child_later(struct child *c);
/* "was ended by signal 11 (Segmentation fault)", "ended with status 3". */
const char *child_end(int status, char text[static CHILD_END_MAX]);
/* Ends it and waits, at most some seconds. It is not wanted any more. */
void child_stop(struct child *c);

#endif
