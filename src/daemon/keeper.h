/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper: the gate's user half, a child of the warden. It knows the persons (sessions, hands, focus), the programs
 * and the declared senders, and writes them into the kernel half's maps; it hears what was refused and tells the
 * person; it looks whether both layers stand. Root with few capabilities; the engine, which parses what comes from
 * outside, never gets those maps. While it is dead nothing new is permitted, and nothing opens. */
#ifndef SEKIMORI_DAEMON_KEEPER_H
#define SEKIMORI_DAEMON_KEEPER_H

#include "config/config.h"
#include "respond/gate_load.h"

/* Another gate is in force than the one it was started with: the warden opens that one and starts another keeper. */
#define KEEPER_RENEW 10
/* The configuration has to be read again, by another keeper. */
#define KEEPER_REREAD 11

struct keeper_params {
        const struct config *config; /* of the warden's start */
        const char *config_path;     /* NULL: the default */
        uint64_t config_hash;        /* keeper_config_hash() when it was read */
        bool reread;                 /* it is read again */
        struct gate *gate;
        pid_t warden; /* ends with it */
};

/* Of the bytes of a configuration file; 0: it cannot be read. What it names is not looked at. */
uint64_t keeper_config_hash(const char *path);
/* Runs in the forked child; returns its exit status. */
int keeper_main(const struct keeper_params *params);

#endif
