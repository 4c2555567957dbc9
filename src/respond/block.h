/* SPDX-License-Identifier: GPL-3.0-or-later */
/* block: a process and its descendants are refused the network, by the kernel half of the gate: new connections,
 * datagrams, and what leaves through sockets that are open already. Loopback stays. Lineage decides, so a descendant
 * that double-forked away is in, and the parent's other children are not. Ends by itself when its time is over. Used by
 * `sekimori block` and by the keeper; needs root. */
#ifndef SEKIMORI_RESPOND_BLOCK_H
#define SEKIMORI_RESPOND_BLOCK_H

#include "respond/gate_load.h"

struct block_result {
        unsigned index;          /* its place among the blocks */
        unsigned processes;      /* that are in it now */
        unsigned shared;         /* sockets that somebody else holds too: they stay open */
        pid_t sharing;           /* one of those somebodies */
        unsigned packet_sockets; /* which the kernel half does not see: only freezing stops those */
        bool extended;           /* there was one already: it now ends at the new time */
};

/* Who is meant: "1234", "pid:1234", or a process subject's key. `start` 0: whoever has the number now. -EINVAL: it is
 * neither; -ESTALE: it is of an earlier boot. */
int block_parse_process(const char *text, pid_t *ret_pid, uint64_t *ret_start);

/* Blocks; `length` 0: without end. -ESRCH: there is no such process; -EPERM: process 1, a kernel thread, this program
 * or what it runs beneath; -ENOSPC: too many blocks. Takes effect at once; sockets follow within milliseconds. */
int block_process(struct gate *g, pid_t pid, uint64_t start, nsec_t length, struct block_result *ret);
/* What block_process() would do: counts only. */
int block_preview(const struct gate *g, pid_t pid, uint64_t start, struct block_result *ret);
/* Ends it. -ENOENT: it is not blocked. */
int block_lift(const struct gate *g, pid_t pid, uint64_t start);
/* Now and then: blocks whose time is over cost nothing any more. */
int block_expire(const struct gate *g);
/* Each that is in force. */
int block_each(const struct gate *g, int (*each)(void *userdata, unsigned index, const struct gate_block *b),
               void *userdata);
/* The processes in it. */
int block_members(const struct gate *g, unsigned index, int (*each)(void *userdata, pid_t pid, uint64_t start),
                  void *userdata);

#endif
