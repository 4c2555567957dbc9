/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The few ways of opening and sending that many cases share; each is an actor_call or is called by one. */
#ifndef SEKIMORI_BENCH_SEND_H
#define SEKIMORI_BENCH_SEND_H

#include "actor.h"

#define SEND_PAYLOAD 64

/* What an actor works on. */
struct send_job {
        int family, type, proto;
        union gen_addr remote; /* where to; filled by send_open() from family and `port` unless set */
        uint16_t port;
        int fd;
};

extern const char send_payload[SEND_PAYLOAD];

/* Socket and connect(). */
int send_open(struct gen *g, void *job);
/* g->count times write(). */
int send_write(struct gen *g, void *job);
/* g->count times sendto(); the socket is not connected. */
int send_to(struct gen *g, void *job);
/* Both. */
int send_open_write(struct gen *g, void *job);
int send_socket(struct send_job *job);

/* "helper-send FD COUNT REPORT_FD": what the cases that exec run. Writes an actor_report. Returns an exit status. */
int send_helper(int argc, char **argv);

#endif
