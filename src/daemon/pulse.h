/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does the engine still answer? The warden pings it, and counts the pings in a row that stay without an answer. They
 * are counted, not timed: after a machine was suspended, or let nobody run, the engine has its turns before it counts
 * as hung. Pure: the caller has the clock and sends. */
#ifndef SEKIMORI_DAEMON_PULSE_H
#define SEKIMORI_DAEMON_PULSE_H

#include <stdbool.h>

#include "base/clock.h"

#define PULSE_PINGS       3  /* unanswered, and it hangs */
#define PULSE_PINGS_START 30 /* the same while it starts: it then reads all that there is */

struct pulse {
        nsec_t pause; /* between two pings */
        nsec_t next;
        int unanswered;
        bool lost; /* said to hang */
};

enum pulse_step {
        PULSE_REST, /* nothing to do before `next` */
        PULSE_PING, /* send one */
        PULSE_HANGS,
};

/* A new engine; `hung_after` is how long one that watches may stay silent. */
void pulse_begin(struct pulse *p, nsec_t hung_after, nsec_t now);
void pulse_answer(struct pulse *p);
/* What to do now. PULSE_HANGS is said once. */
enum pulse_step pulse_step(struct pulse *p, bool watching, nsec_t now);

#endif
