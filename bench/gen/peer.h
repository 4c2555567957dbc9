/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The other end: a child process in the peer's network namespace that accepts, drains, and connects when told to. */
#ifndef SEKIMORI_BENCH_PEER_H
#define SEKIMORI_BENCH_PEER_H

#include "gen.h"

/* Starts it; returns when it listens. It dies with this process. */
int peer_start(struct gen *g);
/* Makes it connect by TCP to our local address and port; returns when it has begun to. */
int peer_connect(struct gen *g, int family, uint16_t port);
void peer_stop(struct gen *g);

#endif
