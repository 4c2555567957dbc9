/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper's child on one person's bus. Begins as a fork of the keeper and gives everything up before it reads the
 * first byte of that bus. */
#ifndef SEKIMORI_RESPOND_GATE_NOTIFY_CHILD_H
#define SEKIMORI_RESPOND_GATE_NOTIFY_CHILD_H

#include <sys/types.h>

#include "base/clock.h"
#include "respond/gate_notify_wire.h"

struct gate_notify_child {
        int fd; /* its end of the pair */
        uid_t uid;
        pid_t parent; /* ends with it */
        pid_t leader; /* of the session; 0: none */
        const char *proc;
        const char *bus;   /* path of the bus's socket */
        nsec_t answer;     /* for the bus and the service to answer */
        uint32_t language; /* enum gate_notify_language, found by the child itself */
};

/* Runs in the child and never returns. */
_Noreturn void gate_notify_child_run(struct gate_notify_child *child);

/* gate_notify_confine.c. Each 0 or negative errno. */

/* No descriptor but the standard ones (on /dev/null) and *fd, which moves to number 3; no memory that is shared with
 * the keeper, above all none of its maps; no signal handled or blocked. */
int gate_notify_confine_inherit(int *fd);
/* Becomes the user, without groups, capabilities or a way to gain rights, with limits; not to be traced or dumped; ends
 * with `parent`. */
int gate_notify_confine_user(uid_t uid, pid_t parent);
/* From here on: only what speaking over open sockets needs. */
int gate_notify_confine_calls(void);

/* gate_notify_link.c. */

#define GATE_NOTIFY_LINK_UNKNOWN UINT32_MAX

/* A connection that names the writer of each piece; does not wait for a bus whose queue is full. Descriptor or negative
 * errno. */
int gate_notify_link_connect(const char *path);
/* Who wrote what is to be read next: the kernel says so with each piece (SO_PASSCRED). It must be one process from
 * beginning to end, else -EPERM; *pid is the first one's. SO_PEERCRED would name the one that began to listen, which
 * may be a service manager that hands the socket to anybody. */
int gate_notify_link_writer(int fd, uint32_t *pid);

#endif
