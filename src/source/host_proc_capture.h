/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The headers of all packets of this network namespace, through a TPACKET_V3 ring. The warden opens; the engine maps
 * the ring and closes the descriptor at once: what stays is memory, nothing that could be sent on. */
#ifndef SEKIMORI_SOURCE_HOST_PROC_CAPTURE_H
#define SEKIMORI_SOURCE_HOST_PROC_CAPTURE_H

#include "base/cleanup.h"
#include "base/clock.h"
#include "source/host_proc_packet.h"

enum host_proc_direction {
        HOST_PROC_IN,    /* for this machine */
        HOST_PROC_GROUP, /* broadcast or multicast */
        HOST_PROC_OTHER, /* for another machine: seen by a bridge */
        HOST_PROC_OUT,
};

struct host_proc_capture;

struct host_proc_captured {
        struct host_proc_packet packet;
        nsec_t time; /* wall clock */
        uint32_t ifindex;
        uint8_t direction; /* enum host_proc_direction */
};

/* Warden's half: a packet socket with its ring. -EPERM without the right. */
int host_proc_capture_open(int *ret_fd);

/* Engine's half. Takes the descriptor in any case. */
int host_proc_capture_new(int fd, struct host_proc_capture **ret);
void host_proc_capture_free(struct host_proc_capture *c);
DEFINE_FREEP(struct host_proc_capture, host_proc_capture_free)

/* Calls for up to `budget` packets in order. Returns how many it took from the ring, those that are no IP included.
 * *ret_bad counts malformed ones; it may be NULL. */
int host_proc_capture_read(struct host_proc_capture *c, int budget,
                           void (*packet)(void *userdata, const struct host_proc_captured *p), void *userdata,
                           uint64_t *ret_bad);

#endif
