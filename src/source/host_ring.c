/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The consumer of the kernel's event ring; runs in the engine. */
#include "source/host_ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <sys/mman.h>

struct host_ring {
        int fd;
        uint32_t bytes;
        size_t page;
        uint64_t bad;
        unsigned long *consumer;       /* a page that we write */
        const unsigned long *producer; /* a page that the kernel writes, and the data, mapped twice in a row */
        const uint8_t *data;
};

int host_ring_new(int fd, uint32_t bytes, struct host_ring **ret)
{
        _cleanup_free_ struct host_ring *r = calloc(1, sizeof(*r));
        void *p;

        if (!r)
                return -ENOMEM;
        r->page = (size_t) sysconf(_SC_PAGESIZE);
        r->bytes = bytes;
        p = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
                return -errno;
        r->consumer = p;
        p = mmap(NULL, r->page + 2 * (size_t) bytes, PROT_READ, MAP_SHARED, fd, (off_t) r->page);
        if (p == MAP_FAILED) {
                int e = -errno;

                munmap(r->consumer, r->page);
                return e;
        }
        r->producer = p;
        r->data = (const uint8_t *) p + r->page;
        r->fd = fd;
        *ret = TAKE_PTR(r);
        return 0;
}

void host_ring_free(struct host_ring *r)
{
        if (!r)
                return;
        munmap(r->consumer, r->page);
        munmap((void *) r->producer, r->page + 2 * (size_t) r->bytes);
        close(r->fd);
        free(r);
}

int host_ring_fd(const struct host_ring *r)
{
        return r->fd;
}

uint64_t host_ring_bad(const struct host_ring *r)
{
        return r->bad;
}

const void *host_ring_peek(const struct host_ring *r, size_t *ret_len)
{
        unsigned long at = __atomic_load_n(r->consumer, __ATOMIC_RELAXED);
        unsigned long end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
        const uint8_t *head = r->data + (at & (r->bytes - 1));
        uint32_t word = at < end ? __atomic_load_n((const uint32_t *) head, __ATOMIC_ACQUIRE) : BPF_RINGBUF_BUSY_BIT;

        if (word & (BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT) || word + BPF_RINGBUF_HDR_SZ > end - at ||
            word + BPF_RINGBUF_HDR_SZ > r->bytes)
                return NULL;
        *ret_len = word;
        return head + BPF_RINGBUF_HDR_SZ;
}

int host_ring_read(struct host_ring *r, int budget, void (*each)(void *userdata, const void *record, size_t len),
                   void *userdata)
{
        unsigned long at = __atomic_load_n(r->consumer, __ATOMIC_RELAXED);
        unsigned long end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
        int n = 0;

        while (at < end && n < budget) {
                const uint8_t *head = r->data + (at & (r->bytes - 1));
                uint32_t word = __atomic_load_n((const uint32_t *) head, __ATOMIC_ACQUIRE);
                uint32_t len = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
                unsigned long whole = (len + BPF_RINGBUF_HDR_SZ + 7ul) & ~7ul;

                if (word & BPF_RINGBUF_BUSY_BIT)
                        break; /* reserved, not yet written */
                if (whole > end - at || whole > r->bytes) {
                        r->bad++;
                        whole = end - at;
                } else if (!(word & BPF_RINGBUF_DISCARD_BIT)) {
                        each(userdata, head + BPF_RINGBUF_HDR_SZ, len);
                        n++;
                }
                at += whole;
                __atomic_store_n(r->consumer, at, __ATOMIC_RELEASE);
        }
        return n;
}
