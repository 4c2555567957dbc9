/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames of network devices as they pass, out of a TPACKET_V3 ring that the kernel fills and we parse in place. The
 * warden opens (ring_open.c); the engine maps the descriptor and reads (ring.c). With several workers there is a ring
 * for each, and the kernel gives a frame to ring packet_shard(frame) % workers, so that both directions and all
 * fragments meet. What it cannot see through (an 802.1ah or 802.3 header, a pseudowire, more than eight labels) goes to
 * ring 0, whatever its shard.
 *
 * Frames are Ethernet frames with the VLAN tags they had, whatever the card took off; of devices without such a header
 * (tunnels, PPP, tun) IP packets (LINKTYPE_RAW). On the loopback device each packet is seen once.
 */
#ifndef SEKIMORI_SOURCE_RING_H
#define SEKIMORI_SOURCE_RING_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "decode/packet.h"

/* How it is used:
 *
 * 1. The warden calls ring_open(), with CAP_NET_RAW and in the network namespace of the device, and hands each
 *    descriptor over (inherited, or by SCM_RIGHTS) together with the sizes and the number of workers. It keeps its own:
 *    a ring lives as long as a descriptor of it, and the end of one of several renumbers the others.
 * 2. The engine calls ring_new() for each with those sizes. That is one mmap() (read and write, shared); it needs no
 *    privilege and works inside the sandbox. From then on the engine makes three calls on the descriptor: poll() or
 *    epoll, getsockopt(), getsockname(). All that sends or changes it is to be denied by seccomp, since a packet socket
 *    sends without asking for a privilege: write, send, splice, setsockopt, ioctl, bind, dup, and passing it on.
 * 3. Each worker has one ring. Rings share no memory; one is used by one thread at a time:
 *
 *        for (;;) {
 *                int n = ring_next(ring, frames, ELEMENTSOF(frames));
 *
 *                if (n > 0) use(frames, n);                  in place, until the next ring_next()
 *                if (n == 0) poll(ring_fd(ring), POLLIN, at most a second);
 *                if (n < 0) break;                           -ENODEV: ring_rebind(), or open anew
 *        }
 *
 *    ring_next() gives frames of one block of the ring, and first gives the block before back to the kernel: n == 0
 *    holds none. Whoever waits for something else meanwhile calls ring_release(). There is no other release: frames are
 *    used up or copied. A device that goes down wakes poll(), one that goes away does not always: hence the second.
 * 4. ring_get_stats() each second or so: what `drops` has grown by is a gap. The kernel counts for each ring, and
 *    forgets what it has told: nobody else asks.
 *
 * Order and delay: frames of a ring come in the order in which the kernel put them in, with times of the system's
 * clock, which may step back. A block that does not fill is handed over after 20 to 40 ms: who merges rings by time
 * waits RING_DELAY for a silent one. With "any", what is forwarded is seen on each device that it passes.
 */

#define RING_WORKERS_MAX 64u /* as many as there are shards */
#define RING_BLOCK_SIZE  (1u << 20)
#define RING_BLOCKS      64u
#define RING_SNAPLEN     262144u
#define RING_DELAY       (50 * NSEC_PER_MSEC) /* a frame older than this has been handed over */

struct ring_params {
        const char *interface; /* a device's name; "any": all of the network namespace */
        const char *filter;    /* pcap-filter(7), of frames as ring_next() gives them; NULL: none */
        uint32_t block_size;   /* bytes, a power of two of at least 64 KiB; 0: RING_BLOCK_SIZE */
        uint32_t blocks;       /* of each ring; 0: RING_BLOCKS */
        uint32_t snaplen;      /* bytes kept of a frame; 0: RING_SNAPLEN */
        unsigned workers;      /* rings; 0: 1 */
        bool promiscuous;      /* also what is for others; not with "any" */
};

/* Warden's half; CAP_NET_RAW. Fills ret_fds[workers]: the caller closes them. 0; -EINVAL or -E2BIG (filter or
 * sizes), -ENODEV, -EPERM, -ENOMEM and others, with the reason in `why`. A device that is down is opened all the same.
 */
int ring_open(const struct ring_params *params, int *ret_fds, struct buf *why);
/* A device was removed (ring_next() gave -ENODEV, and gives it until then) and there is one of that name again: the
 * same ring goes on with it. 0, -ENODEV (still none), -EOPNOTSUPP (one of several workers': ring_open() them all
 * anew, and ring_free() the old). Warden, on its own duplicate. */
int ring_rebind(int fd, const struct ring_params *params);

struct ring;

struct ring_stats {
        uint64_t frames, bytes; /* delivered; bytes: captured */
        uint64_t drops;         /* frames the kernel had no room for */
        uint64_t freezes;       /* times that the whole ring was full */
        uint64_t tags;          /* VLAN tags put back */
        uint64_t foreign;       /* left out: not IP, of a device without Ethernet's header */
        uint64_t bad;           /* blocks whose inner lengths cannot be */
        uint64_t downs;         /* times that the device went down */
};

/* Engine's half. Takes the descriptor in any case; sizes as they were opened. Frames come from then on. */
int ring_new(int fd, const struct ring_params *params, struct ring **ret);
void ring_free(struct ring *r);
DEFINE_FREEP(struct ring, ring_free)

/* Readable when there are frames or the device went down. */
int ring_fd(const struct ring *r);
/* The next frames, at most `max`, in order. They stay valid until the next call, or ring_release(). Number of them; 0:
 * none at present; -ENODEV: the device was removed, RING_DELAY ago, and there are no more; other negative errno. Never
 * waits. */
int ring_next(struct ring *r, struct frame *frames, uint32_t max);
/* Gives the memory of the last frames back to the kernel, if nothing is left in it. To be called before waiting. */
void ring_release(struct ring *r);
/* Asks the kernel for its counters as well. */
int ring_get_stats(struct ring *r, struct ring_stats *ret);

#endif
