/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done about a bot without being asked, when `respond.block` says so: the engine names the subject, the warden
 * checks and acts. A hijacked engine could have anything blocked but the first process and what this daemon runs
 * beneath, and no faster than a person reads. */
#ifndef SEKIMORI_DAEMON_RESPONDER_H
#define SEKIMORI_DAEMON_RESPONDER_H

#include "daemon/watched.h"

struct responder {
        nsec_t refill_at;
        unsigned budget;
        bool told; /* that there were too many */
};

/* Blocks the subject of that key, if the configuration wants it, and says so. */
void responder_block(struct responder *r, const struct config *config, const struct watched_slot *gate,
                     const char *key);

#endif
