/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of sessions, shared by its two halves: gate_sessions.c (logind's files) and gate_sessions_bus.c (the system
 * bus). Runs in the keeper. */
#ifndef SEKIMORI_RESPOND_GATE_SESSIONS_INTERNAL_H
#define SEKIMORI_RESPOND_GATE_SESSIONS_INTERNAL_H

#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

#include "respond/gate_sessions.h"

struct gate_sessions_record {
        struct gate_sessions *owner; /* NULL: free */
        struct gate_person_session now, told;
        bool seen;             /* in this round */
        bool was_told;         /* `told` holds */
        bool asked;            /* nothing new to ask */
        sd_bus_slot *question; /* that is not answered yet */
        sd_event_source *end;  /* of the manager's process */
};

struct gate_sessions {
        struct gate_sessions_params params;
        struct gate_sessions_record records[GATE_SESSIONS];
        sd_login_monitor *monitor;
        sd_event_source *changed; /* the monitor's descriptor */
        sd_event_source *soon;    /* a round a little later, so that many changes are one */
        sd_event_source *again;   /* a round at any rate */
        sd_bus *bus;
        bool bus_lost; /* to be closed in the next round */
        uint64_t wait; /* us until that round, while something is missing */
        int state, bus_state;
        uint64_t dropped; /* in the last round */
};

/* A round soon. */
void gate_sessions_soon(struct gate_sessions *g);
/* Managers follow their sessions, and what changed is told. */
void gate_sessions_settle(struct gate_sessions *g);

/* Opens the bus if there is one; forgets what is known from it when it is lost. */
void gate_sessions_bus_open(struct gate_sessions *g);
void gate_sessions_bus_close(struct gate_sessions *g);
/* Asks for one record; the answer changes it and settles. */
void gate_sessions_bus_ask(struct gate_sessions_record *r);

#endif
