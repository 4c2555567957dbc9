/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the warden watches with: the best back end of the host sensor, and packets of a device. Opens, closes, opens
 * again for a new engine. Part of the warden. */
#ifndef SEKIMORI_DAEMON_WATCHED_H
#define SEKIMORI_DAEMON_WATCHED_H

#include "source/source.h"

struct watched {
        struct watched_slot {
                const struct source *source; /* NULL: not watched */
                void *self;                  /* its own state, while `open` */
                bool open;
        } slots[SLOTS];
        struct source_fds fds[SLOTS]; /* for the next engine */
        bool without_gate;            /* its ring has one reader, the daemon */
};

/* Opens what the configuration asks for, and says why something better was not taken. 0 or negative errno: told. */
int watched_open(struct watched *w, const struct config *config);
/* Gets descriptors for a new engine. What the kernel recorded meanwhile is kept where the source can: *ret_resumed. */
int watched_renew(struct watched *w, const struct config *config, bool *ret_resumed);
/* Another gate is in force now: takes that one. false: there is none. */
bool watched_reopen_gate(struct watched *w, const struct config *config);
void watched_close_fds(struct watched *w);
void watched_close(struct watched *w);
/* This machine's addresses, but for the loopback device's: they are at home, public ones too. */
int watched_own_addresses(struct config_cidrs *ret);

#endif
