/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AF_XDP in copy mode: frames leave from memory shared with the kernel. Runs in sekimori-gen. */
#include "frame.h"

#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>

#define XDP_FRAME  2048u
#define XDP_FRAMES 64u

static int xdp_rings(int fd, uint8_t *memory)
{
        struct xdp_umem_reg reg = {.addr = (uint64_t) (uintptr_t) memory,
                                   .len = (uint64_t) XDP_FRAME * XDP_FRAMES,
                                   .chunk_size = XDP_FRAME};
        unsigned n = XDP_FRAMES;

        if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0 ||
            setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &n, sizeof(n)) < 0 ||
            setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &n, sizeof(n)) < 0 ||
            setsockopt(fd, SOL_XDP, XDP_TX_RING, &n, sizeof(n)) < 0)
                return -errno;
        return 0;
}

static int xdp_call(struct gen *g, void *arg)
{
        struct sockaddr_xdp to = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY};
        struct xdp_mmap_offsets off;
        socklen_t len = sizeof(off);
        struct xdp_desc *descs;
        struct frame f;
        uint8_t *memory, *tx;
        uint32_t *producer;
        int fd, r = frame_fill(g, &f);

        (void) arg;
        if (r < 0)
                return r;
        fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        memory =
                mmap(NULL, (size_t) XDP_FRAME * XDP_FRAMES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                return -errno;
        r = xdp_rings(fd, memory);
        if (r < 0)
                return r;
        if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0)
                return -errno;
        tx = mmap(NULL, off.tx.desc + XDP_FRAMES * sizeof(*descs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                  fd, XDP_PGOFF_TX_RING);
        if (tx == MAP_FAILED)
                return -errno;
        to.sxdp_ifindex = if_nametoindex(g->dev);
        if (bind(fd, (const struct sockaddr *) &to, sizeof(to)) < 0)
                return -errno;
        descs = (struct xdp_desc *) (void *) (tx + off.tx.desc);
        producer = (uint32_t *) (void *) (tx + off.tx.producer);
        for (unsigned i = 0; i < g->count; i++) {
                memcpy(memory + i * XDP_FRAME, &f, sizeof(f));
                descs[i] = (struct xdp_desc){.addr = i * XDP_FRAME, .len = sizeof(f)};
        }
        __atomic_store_n(producer, g->count, __ATOMIC_RELEASE);
        if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EBUSY)
                return -errno;
        return 0;
}

static int xdp_copy(struct gen *g)
{
        const union gen_addr to = gen_peer(g, AF_INET, 0);
        struct actor *a;
        struct gen_expect *e;
        int r = actor_thread(g, &a);

        if (r < 0)
                return r;
        g->count = MIN(g->count, 16u);
        r = actor_do(a, xdp_call, NULL);
        if (r < 0)
                return gen_failed(g, r, "AF_XDP");
        e = gen_expect(g, 0, -1, &to);
        e->kind = "xdp";
        actor_sender(g, e, actor_task(a), NULL, 0);
        return 0;
}

const struct gen_case gen_cases_xdp[] = {
        {"xdp-copy", "AF_XDP in copy mode", xdp_copy},
        {0},
};
