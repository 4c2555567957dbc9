/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UDP: connected and not, both families, mapped addresses, many at once, corked. Runs in sekimori-gen. */
#include "send.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* One thread, which is not the first one, does all of it. */
static int by_thread(struct gen *g, struct send_job *job, actor_call fn)
{
        struct actor *a;
        struct gen_expect *e;
        int r = actor_thread(g, &a);

        if (r < 0)
                return r;
        r = actor_do(a, fn, job);
        if (r < 0)
                return gen_failed(g, r, "UDP");
        e = gen_expect(g, IPPROTO_UDP, job->fd, &job->remote);
        actor_sender(g, e, actor_task(a), NULL, 0);
        return 0;
}

static int sendto_call(struct gen *g, void *arg)
{
        int r = send_socket(arg);

        return r < 0 ? r : send_to(g, arg);
}

static int udp4_sendto(struct gen *g)
{
        return by_thread(g, &(struct send_job){.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP},
                         sendto_call);
}

static int udp6_sendto(struct gen *g)
{
        return by_thread(g, &(struct send_job){.family = AF_INET6, .type = SOCK_DGRAM, .port = GEN_PORT_UDP},
                         sendto_call);
}

static int udp4_connected(struct gen *g)
{
        return by_thread(g, &(struct send_job){.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP},
                         send_open_write);
}

static int udp6_connected(struct gen *g)
{
        return by_thread(g, &(struct send_job){.family = AF_INET6, .type = SOCK_DGRAM, .port = GEN_PORT_UDP},
                         send_open_write);
}

/* An AF_INET6 socket that speaks IPv4. */
static int udp6_mapped(struct gen *g)
{
        struct send_job job = {.family = AF_INET6, .type = SOCK_DGRAM};
        const union gen_addr to = gen_peer(g, AF_INET, GEN_PORT_UDP);

        job.remote.in6.sin6_family = AF_INET6;
        job.remote.in6.sin6_port = to.in.sin_port;
        memset(&job.remote.in6.sin6_addr.s6_addr[10], 0xff, 2);
        memcpy(&job.remote.in6.sin6_addr.s6_addr[12], &to.in.sin_addr, 4);
        return by_thread(g, &job, sendto_call);
}

static int sendmmsg_call(struct gen *g, void *arg)
{
        struct send_job *job = arg;
        struct iovec iov = {.iov_base = (void *) send_payload, .iov_len = SEND_PAYLOAD};
        struct mmsghdr messages[16];
        unsigned n = MIN(g->count, (unsigned) ELEMENTSOF(messages));
        int r = send_socket(job);

        if (r < 0)
                return r;
        job->remote = gen_peer(g, job->family, job->port);
        for (unsigned i = 0; i < n; i++)
                messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &job->remote,
                                                           .msg_namelen = gen_addr_len(&job->remote),
                                                           .msg_iov = &iov,
                                                           .msg_iovlen = 1}};
        return sendmmsg(job->fd, messages, n, 0) < 0 ? -errno : 0;
}

static int udp4_sendmmsg(struct gen *g)
{
        g->count = MIN(g->count, 16u);
        return by_thread(g, &(struct send_job){.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP},
                         sendmmsg_call);
}

/* One sendmsg() that the kernel cuts into g->count datagrams. */
static int segments_call(struct gen *g, void *arg)
{
        struct send_job *job = arg;
        char data[16 * SEND_PAYLOAD] = {0};
        int size = SEND_PAYLOAD, r = send_open(g, job);

        if (r < 0)
                return r;
        if (setsockopt(job->fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) < 0)
                return -errno;
        return write(job->fd, data, MIN(g->count, 16u) * SEND_PAYLOAD) < 0 ? -errno : 0;
}

static int udp4_gso(struct gen *g)
{
        g->count = MIN(g->count, 16u);
        return by_thread(g, &(struct send_job){.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP},
                         segments_call);
}

static int cork_call(struct gen *g, void *arg)
{
        const struct send_job *job = arg;

        (void) g;
        return send(job->fd, send_payload, SEND_PAYLOAD, MSG_MORE) < 0 ? -errno : 0;
}

static int push_call(struct gen *g, void *arg)
{
        const struct send_job *job = arg;

        (void) g;
        return send(job->fd, send_payload, SEND_PAYLOAD, 0) < 0 ? -errno : 0;
}

/* One thread fills the datagram, another one lets it go: both have sent. */
static int udp4_cork(struct gen *g)
{
        struct send_job job = {.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP};
        struct actor *filler, *pusher;
        struct gen_expect *e;
        int r = actor_thread(g, &filler);

        if (r == 0)
                r = actor_thread(g, &pusher);
        if (r == 0)
                r = actor_do(filler, send_open, &job);
        for (unsigned i = 0; r == 0 && i < g->count; i++) {
                r = actor_do(filler, cork_call, &job);
                if (r == 0)
                        r = actor_do(pusher, push_call, &job);
        }
        if (r < 0)
                return gen_failed(g, r, "UDP cork");
        e = gen_expect(g, IPPROTO_UDP, job.fd, &job.remote);
        actor_sender(g, e, actor_task(pusher), NULL, 0);
        actor_other(e, actor_task(filler));
        return 0;
}

struct aio_iocb {
        uint64_t data;
        uint32_t key;
        int32_t rw_flags;
        uint16_t opcode;
        int16_t reqprio;
        uint32_t fd;
        uint64_t buf, nbytes;
        int64_t offset;
        uint64_t reserved;
        uint32_t flags, resfd;
};

/* The kernel's old asynchronous I/O: io_submit() with IOCB_CMD_PWRITE. */
static int aio_call(struct gen *g, void *arg)
{
        struct send_job *job = arg;
        unsigned long ctx = 0;
        int r = send_open(g, job);

        if (r < 0)
                return r;
        if (syscall(SYS_io_setup, 8, &ctx) < 0)
                return -errno;
        for (unsigned i = 0; i < g->count; i++) {
                struct aio_iocb cb = {.opcode = 1,
                                      .fd = (uint32_t) job->fd,
                                      .buf = (uint64_t) (uintptr_t) send_payload,
                                      .nbytes = SEND_PAYLOAD};
                struct aio_iocb *list[] = {&cb};
                uint64_t events[8][4];

                if (syscall(SYS_io_submit, ctx, 1, list) != 1)
                        return -errno;
                if (syscall(SYS_io_getevents, ctx, 1, 8, events, NULL) < 1)
                        return -errno;
        }
        return 0;
}

static int udp4_aio(struct gen *g)
{
        return by_thread(g, &(struct send_job){.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP}, aio_call);
}

const struct gen_case gen_cases_udp[] = {
        {"udp4-sendto", "UDP, unconnected socket, sendto()", udp4_sendto},
        {"udp4-connected", "UDP, connected socket, write()", udp4_connected},
        {"udp6-sendto", "UDP over IPv6, unconnected", udp6_sendto},
        {"udp6-connected", "UDP over IPv6, connected", udp6_connected},
        {"udp6-mapped", "an IPv6 socket that sends IPv4 (::ffff:a.b.c.d)", udp6_mapped},
        {"udp4-sendmmsg", "many datagrams in one sendmmsg()", udp4_sendmmsg},
        {"udp4-gso", "one write(), many datagrams (UDP_SEGMENT)", udp4_gso},
        {"udp4-cork", "filled by one thread (MSG_MORE), let go by another", udp4_cork},
        {"udp4-aio", "io_submit(), the kernel's old asynchronous I/O", udp4_aio},
        {0},
};
