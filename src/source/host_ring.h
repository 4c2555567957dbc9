/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a BPF ring buffer from its descriptor alone, without bpf(2), which the engine may not call.
 * Layout: the kernel's Documentation/bpf/ringbuf.rst and kernel/bpf/ringbuf.c. */
#ifndef SEKIMORI_SOURCE_HOST_RING_H
#define SEKIMORI_SOURCE_HOST_RING_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct host_ring;

/* Maps the ring of `bytes` data bytes; keeps the descriptor. 0 or negative errno (then the descriptor stays the
 * caller's). */
int host_ring_new(int fd, uint32_t bytes, struct host_ring **ret);
void host_ring_free(struct host_ring *r);
DEFINE_FREEP(struct host_ring, host_ring_free)

int host_ring_fd(const struct host_ring *r);
/* Calls back for at most `budget` records. Returns how many. A length that leads beyond what was written is not
 * followed: what is there by then is skipped, and counted in host_ring_bad(). */
int host_ring_read(struct host_ring *r, int budget, void (*each)(void *userdata, const void *record, size_t len),
                   void *userdata);
/* The record that comes next, valid until the next read; NULL: there is none yet. */
const void *host_ring_peek(const struct host_ring *r, size_t *ret_len);
uint64_t host_ring_bad(const struct host_ring *r);

#endif
