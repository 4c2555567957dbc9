/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warden's half of the eBPF back end: loads the kernel half with what this kernel allows, best first, and attaches it.
 */
#ifndef SEKIMORI_SOURCE_HOST_LOAD_H
#define SEKIMORI_SOURCE_HOST_LOAD_H

#include "source/source.h"

/* Places in source_fds.fd[]. */
enum host_fd {
        HOST_FD_RING,     /* the event ring; mapped by the engine */
        HOST_FD_COUNTERS, /* counters; frozen, so that only the kernel half writes it */
        HOST_FD_TASKS,    /* a snapshot: read until its end */
        HOST_FD_SOCKETS,
        HOST_FDS,
};

struct host_load;

/* 0, or negative errno: -ENOENT without BTF, -EPERM without rights, -ENOSYS without cgroup v2. */
int host_load_new(const struct config *config, struct source_fds *ret_fds, struct host_load **ret);
/* All descriptors again, for an engine that starts anew. What the ring holds by then is kept. */
int host_load_descriptors(struct host_load *l, struct source_fds *ret_fds);
/* Fresh snapshot descriptors; the other places are -1. */
int host_load_snapshot(struct host_load *l, struct source_fds *ret_fds);
void host_load_free(struct host_load *l);
DEFINE_FREEP(struct host_load, host_load_free)

/* What would be used here, one sentence a line; 0 or the error that host_load_new() would give. */
int host_load_probe(struct buf *out);

/* The ring's size in bytes: a power of two and at least a page, as the kernel wants it. */
uint32_t host_ring_bytes(const struct config *config);

/* Mount point of cgroup v2, also beside v1. 0 or -ENOENT. */
int host_find_cgroup2(char *ret_path, size_t size);

#endif
