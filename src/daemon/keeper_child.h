/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The warden's hold on the keeper: starts it, starts it again when it dies, ends it. */
#ifndef SEKIMORI_DAEMON_KEEPER_CHILD_H
#define SEKIMORI_DAEMON_KEEPER_CHILD_H

#include "config/config.h"
#include "daemon/child.h"

struct gate;

struct keeper_child {
        struct child child;
        const char *config_path;
        uint64_t config_hash; /* when it was read */
        bool reread;          /* it was read again since the start, and so it is by each that follows */
};

enum keeper_end { KEEPER_RUNS, KEEPER_ENDED /* told; comes again */, KEEPER_CHANGED /* another gate must be taken */ };

/* The configuration was just read from there. */
void keeper_child_init(struct keeper_child *k, const char *config_path);
/* What fails is said, and tried again at child.restart_at. */
void keeper_child_start(struct keeper_child *k, const struct config *config, struct gate *gate);
/* Has it ended? Collects it. */
enum keeper_end keeper_child_reap(struct keeper_child *k);
/* The configuration may be another by now. */
void keeper_child_reload(const struct keeper_child *k);

#endif
