/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP and what looks like it: connect, accept, fast open, MPTCP, SCTP, and the ways of writing. Runs in sekimori-gen.
 */
#include "send.h"

#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "peer.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int by_thread(struct gen *g, struct send_job *job, actor_call fn, const char *what)
{
        struct actor *a;
        struct gen_expect *e;
        int r = actor_thread(g, &a);

        if (r < 0)
                return r;
        r = actor_do(a, fn, job);
        if (r < 0)
                return gen_failed(g, r, what);
        e = gen_expect(g, job->proto == IPPROTO_SCTP ? IPPROTO_SCTP : IPPROTO_TCP, job->fd, &job->remote);
        actor_sender(g, e, actor_task(a), NULL, 0);
        return 0;
}

static int tcp4_connect(struct gen *g)
{
        return by_thread(g, &(struct send_job){.family = AF_INET, .type = SOCK_STREAM, .port = GEN_PORT_TCP},
                         send_open_write, "TCP");
}

static int tcp6_connect(struct gen *g)
{
        return by_thread(g, &(struct send_job){.family = AF_INET6, .type = SOCK_STREAM, .port = GEN_PORT_TCP},
                         send_open_write, "TCP over IPv6");
}

static int tcp6_mapped(struct gen *g)
{
        struct send_job job = {.family = AF_INET6, .type = SOCK_STREAM};
        const union gen_addr to = gen_peer(g, AF_INET, GEN_PORT_TCP);

        job.remote.in6.sin6_family = AF_INET6;
        job.remote.in6.sin6_port = to.in.sin_port;
        memset(&job.remote.in6.sin6_addr.s6_addr[10], 0xff, 2);
        memcpy(&job.remote.in6.sin6_addr.s6_addr[12], &to.in.sin_addr, 4);
        return by_thread(g, &job, send_open_write, "TCP, mapped");
}

static int refused_call(struct gen *g, void *arg)
{
        int r = send_open(g, arg);

        return r == -ECONNREFUSED ? 0 : r == 0 ? -EISCONN : r;
}

/* A SYN that meets a reset: a scan's most common packet. */
static int tcp4_refused(struct gen *g)
{
        struct send_job job = {.family = AF_INET, .type = SOCK_STREAM, .port = GEN_PORT_CLOSED};
        int r = by_thread(g, &job, refused_call, "TCP");

        if (r < 0)
                return r;
        g->expects[0].packets = 1;
        return 0;
}

static int listen_call(struct gen *g, void *arg)
{
        struct send_job *job = arg;
        const union gen_addr a = gen_local(g, job->family, GEN_PORT_LISTEN);
        const struct timeval limit = {.tv_sec = 5};
        int one = 1, r = send_socket(job);

        if (r < 0)
                return r;
        setsockopt(job->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(job->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(job->fd, &a.sa, gen_addr_len(&a)) < 0 || listen(job->fd, 8) < 0)
                return -errno;
        return 0;
}

static int accept_call(struct gen *g, void *arg)
{
        struct send_job *job = arg;
        socklen_t len = sizeof(job->remote);
        int fd = accept4(job->fd, &job->remote.sa, &len, SOCK_CLOEXEC);

        (void) g;
        if (fd < 0)
                return -errno;
        job->fd = fd;
        return 0;
}

static int accept_write_call(struct gen *g, void *arg)
{
        int r = accept_call(g, arg);

        return r < 0 ? r : send_write(g, arg);
}

/* The first thread listens, another accepts, and that one or (`handoff`) a third answers. */
static int accept_case(struct gen *g, int family, bool handoff)
{
        struct send_job job = {.family = family, .type = SOCK_STREAM};
        struct actor *acceptor, *writer = NULL;
        struct gen_expect *e;
        int r = listen_call(g, &job);

        if (r == 0)
                r = actor_thread(g, &acceptor);
        if (r == 0 && handoff)
                r = actor_thread(g, &writer);
        if (r == 0)
                r = peer_connect(g, family, GEN_PORT_LISTEN);
        if (r == 0)
                r = actor_do(acceptor, handoff ? accept_call : accept_write_call, &job);
        if (r == 0 && handoff)
                r = actor_do(writer, send_write, &job);
        if (r < 0)
                return gen_failed(g, r, "accept");
        e = gen_expect(g, IPPROTO_TCP, job.fd, &job.remote);
        actor_sender(g, e, actor_task(handoff ? writer : acceptor), NULL, 0);
        actor_other(e, &g->self);
        if (handoff)
                actor_other(e, actor_task(acceptor));
        return 0;
}

static int tcp4_accept(struct gen *g)
{
        return accept_case(g, AF_INET, false);
}

static int tcp6_accept(struct gen *g)
{
        return accept_case(g, AF_INET6, false);
}

static int tcp4_accept_handoff(struct gen *g)
{
        return accept_case(g, AF_INET, true);
}

/* Data in the SYN: the first connection fetches the cookie, the second one uses it. */
static int fastopen_call(struct gen *g, void *arg)
{
        struct send_job *job = arg;

        job->remote = gen_peer(g, job->family, job->port);
        for (int i = 0; i < 2; i++) {
                int r = send_socket(job);

                if (r < 0)
                        return r;
                if (sendto(job->fd, send_payload, SEND_PAYLOAD, MSG_FASTOPEN, &job->remote.sa,
                           gen_addr_len(&job->remote)) < 0)
                        return -errno;
                if (i == 0)
                        close(job->fd);
        }
        return 0;
}

static int tcp4_fastopen(struct gen *g)
{
        struct send_job job = {.family = AF_INET, .type = SOCK_STREAM, .port = GEN_PORT_TCP};
        struct tcp_info info = {0};
        socklen_t len = sizeof(info);
        int r = by_thread(g, &job, fastopen_call, "MSG_FASTOPEN");

        if (r < 0)
                return r;
        g->expects[0].packets = 1;
        getsockopt(job.fd, IPPROTO_TCP, TCP_INFO, &info, &len);
        gen_note(&g->expects[0], "%s",
                 info.tcpi_options & TCPI_OPT_SYN_DATA ? "data left in the SYN" : "no cookie yet");
        return 0;
}

static int mptcp_case(struct gen *g, int family)
{
        struct send_job job = {.family = family, .type = SOCK_STREAM, .proto = IPPROTO_MPTCP, .port = GEN_PORT_MPTCP};

        return by_thread(g, &job, send_open_write, "socket(IPPROTO_MPTCP)");
}

static int mptcp4(struct gen *g)
{
        return mptcp_case(g, AF_INET);
}

static int mptcp6(struct gen *g)
{
        return mptcp_case(g, AF_INET6);
}

static int sctp4(struct gen *g)
{
        struct send_job job = {.family = AF_INET, .type = SOCK_STREAM, .proto = IPPROTO_SCTP, .port = GEN_PORT_SCTP};

        return by_thread(g, &job, send_open_write, "socket(IPPROTO_SCTP)");
}

/* A file in memory with g->count payloads. */
static int memory_file(struct gen *g)
{
        _cleanup_close_ int fd = memfd_create("sekimori-gen", MFD_CLOEXEC);

        if (fd < 0)
                return -errno;
        for (unsigned i = 0; i < g->count; i++)
                if (write(fd, send_payload, SEND_PAYLOAD) < 0)
                        return -errno;
        return lseek(fd, 0, SEEK_SET) < 0 ? -errno : TAKE_FD(fd);
}

static int sendfile_call(struct gen *g, void *arg)
{
        const struct send_job *job = arg;
        int r = send_open(g, arg);
        _cleanup_close_ int file = memory_file(g);

        if (r < 0 || file < 0)
                return r < 0 ? r : file;
        return sendfile(job->fd, file, NULL, g->count * SEND_PAYLOAD) < 0 ? -errno : 0;
}

static int splice_call(struct gen *g, void *arg)
{
        const struct send_job *job = arg;
        int pipes[2], r = send_open(g, arg);
        _cleanup_close_ int file = memory_file(g);
        size_t size = g->count * SEND_PAYLOAD;

        if (r < 0 || file < 0)
                return r < 0 ? r : file;
        if (pipe2(pipes, O_CLOEXEC) < 0)
                return -errno;
        if (splice(file, NULL, pipes[1], NULL, size, 0) < 0 || splice(pipes[0], NULL, job->fd, NULL, size, 0) < 0)
                r = -errno;
        close(pipes[0]);
        close(pipes[1]);
        return r;
}

static int zerocopy_call(struct gen *g, void *arg)
{
        const struct send_job *job = arg;
        int one = 1, r = send_open(g, arg);

        if (r < 0)
                return r;
        if (setsockopt(job->fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) < 0)
                return -errno;
        for (unsigned i = 0; i < g->count; i++)
                if (send(job->fd, send_payload, SEND_PAYLOAD, MSG_ZEROCOPY) < 0)
                        return -errno;
        return 0;
}

static int writev_call(struct gen *g, void *arg)
{
        const struct send_job *job = arg;
        struct iovec iov[2] = {{.iov_base = (void *) send_payload, .iov_len = 32},
                               {.iov_base = (void *) (send_payload + 32), .iov_len = 32}};
        int r = send_open(g, arg);

        for (unsigned i = 0; r == 0 && i < g->count; i++)
                if (writev(job->fd, iov, 2) < 0)
                        r = -errno;
        return r;
}

#define TCP_BY(name)                                                                                                   \
        static int tcp4_##name(struct gen *g)                                                                          \
        {                                                                                                              \
                return by_thread(g, &(struct send_job){.family = AF_INET, .type = SOCK_STREAM, .port = GEN_PORT_TCP},  \
                                 name##_call, #name);                                                                  \
        }
TCP_BY(sendfile)
TCP_BY(splice)
TCP_BY(zerocopy)
TCP_BY(writev)

const struct gen_case gen_cases_tcp[] = {
        {"tcp4-connect", "TCP connect() and write()", tcp4_connect},
        {"tcp6-connect", "TCP over IPv6", tcp6_connect},
        {"tcp6-mapped", "an IPv6 socket that connects to IPv4", tcp6_mapped},
        {"tcp4-refused", "TCP to a closed port: only a SYN leaves", tcp4_refused},
        {"tcp4-accept", "TCP accept() in a thread that is not the listener", tcp4_accept},
        {"tcp6-accept", "the same over IPv6", tcp6_accept},
        {"tcp4-accept-handoff", "accepted in one thread, answered in another", tcp4_accept_handoff},
        {"tcp4-fastopen", "MSG_FASTOPEN: no connect() call at all", tcp4_fastopen},
        {"mptcp4", "Multipath TCP", mptcp4},
        {"mptcp6", "Multipath TCP over IPv6", mptcp6},
        {"sctp4", "SCTP, where the kernel has it", sctp4},
        {"tcp4-sendfile", "sendfile()", tcp4_sendfile},
        {"tcp4-splice", "splice() from a pipe", tcp4_splice},
        {"tcp4-zerocopy", "MSG_ZEROCOPY", tcp4_zerocopy},
        {"tcp4-writev", "writev()", tcp4_writev},
        {0},
};
