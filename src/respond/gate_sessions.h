/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions of persons and the managers of their users. Which there are, and whether they are active, stands in logind's
 * files (sd-login, which tells of changes); who leads a session, whether its screen is locked and who is a user's
 * manager is asked on the system bus, asynchronously. Only answers count: a signal on the bus, which anybody may send,
 * is but a reason to ask. The control group of a manager is its user's to write, so its pid is asked of pid 1. Runs in
 * the keeper. */
#ifndef SEKIMORI_RESPOND_GATE_SESSIONS_H
#define SEKIMORI_RESPOND_GATE_SESSIONS_H

#include "respond/gate_map.h"
#include "respond/gate_person.h"

#define GATE_SESSIONS_REMOTE_MAX 256 /* of those that are at no seat, so many are looked at */

struct gate_sessions_params {
        sd_event *event;
        void (*session)(void *ud, const struct gate_person_session *s, bool gone);
        void *ud;
};

struct gate_sessions;

/* 0, also without logind or bus: both are tried again every few seconds. At most GATE_SESSIONS are told, those at seats
 * first; what is beyond is counted. */
int gate_sessions_new(const struct gate_sessions_params *params, struct gate_sessions **ret);
void gate_sessions_free(struct gate_sessions *g); /* tells of nothing; NULL is fine */
DEFINE_FREEP(struct gate_sessions, gate_sessions_free)

/* 0; -ENOENT: no logind, no persons here. */
int gate_sessions_state(const struct gate_sessions *g);
/* 0; or why the bus cannot be asked (-ENOTCONN: not yet). */
int gate_sessions_bus_state(const struct gate_sessions *g);
unsigned gate_sessions_count(const struct gate_sessions *g, uint64_t *ret_dropped);

#endif
