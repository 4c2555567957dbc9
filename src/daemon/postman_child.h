/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The warden's hold on the postman: starts it for the engine that runs, starts it again when it dies, ends it. */
#ifndef SEKIMORI_DAEMON_POSTMAN_CHILD_H
#define SEKIMORI_DAEMON_POSTMAN_CHILD_H

#include "daemon/child.h"
#include "daemon/daemon.h"

struct postman_child {
        struct child child;
        bool asked;  /* to read the configuration again, since it was started */
        bool reread; /* the configuration was read again since the start, and so it is by each that follows */
};

/* An engine is ready, or a restart is due: starts one, with a pair of sockets for the two. What fails is said, and
 * tried again at child.restart_at. */
void postman_child_start(struct postman_child *k, const struct daemon_params *params, int engine_fd);
/* Has it ended? Collects it. */
void postman_child_reap(struct postman_child *k);
/* The configuration may be another by now. */
void postman_child_reload(struct postman_child *k);

#endif
