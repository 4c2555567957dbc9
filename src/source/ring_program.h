/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two classic BPF programs of a capture ring. Built by the warden, run by the kernel. */
#ifndef SEKIMORI_SOURCE_RING_PROGRAM_H
#define SEKIMORI_SOURCE_RING_PROGRAM_H

#include <linux/bpf_common.h>
#include <linux/filter.h>

#include "base/buf.h"

struct ring_program {
        unsigned n;
        struct sock_filter code[BPF_MAXINSNS];
};

/* Which frames come into the ring, and how much of them. `expression` may be NULL. -EINVAL or -E2BIG (too long
 * for the kernel) with the reason. */
int ring_program_filter(const char *expression, uint32_t snaplen, struct ring_program *ret, struct buf *why);
/* The shard of a frame as packet_shard() says: 0..63. */
void ring_program_shard(struct ring_program *ret);

#endif
