/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which process holds which socket, read from /proc and remembered, so that an answer says only what changed. Runs in
 * the scanner. Caps: sockets and their owners 65,536, processes 32,768, other namespaces 64; what does not fit is
 * counted in the answer's last record. */
#ifndef SEKIMORI_SOURCE_HOST_PROC_WALK_H
#define SEKIMORI_SOURCE_HOST_PROC_WALK_H

#include "base/cleanup.h"
#include "source/host_proc_wire.h"
#include "source/proc_scan.h"

struct host_proc_walk;

struct host_proc_walk_params {
        const char *proc;   /* "/proc", or a copy for tests */
        uint64_t own_inode; /* our own capture socket, which is left out; 0: none */
        /* One TCP connection of our own network namespace; negative when there is none. NULL: not possible. */
        int (*find)(void *userdata, const struct host_proc_query *q, struct proc_socket *ret);
        int (*emit)(void *userdata, const struct host_proc_record *r); /* 0, or a negative errno that ends the scan */
        void *userdata;
};

int host_proc_walk_new(const struct host_proc_walk_params *params, struct host_proc_walk **ret);
void host_proc_walk_free(struct host_proc_walk *w);
DEFINE_FREEP(struct host_proc_walk, host_proc_walk_free)

/* Reads what is asked for and emits what changed. Fills the counts of *ret_end that are the walk's; the record itself
 * is the caller's to send. */
int host_proc_walk_scan(struct host_proc_walk *w, const struct host_proc_request *q, struct host_proc_end *ret_end);

#endif
