/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the work's system calls are made: by the thread itself, or through io_uring. Runs in the worker. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "demo/sim.h"

#define BATCH   64
#define SEND_ID UINT64_MAX

struct sim_io {
        struct sim_uring *ring; /* owned; NULL: plain system calls */
        struct sockaddr_storage to[BATCH];
        size_t n_to;
        struct sim_attempt *started[BATCH]; /* by id of the request */
};

int sim_io_new(bool uring, bool sqpoll, struct sim_io **ret)
{
        struct sim_io *io = calloc(1, sizeof(*io));
        int r = io ? 0 : -ENOMEM;

        if (io && uring)
                r = sim_uring_new(sqpoll, &io->ring);
        if (r < 0) {
                free(io);
                return r;
        }
        *ret = io;
        return 0;
}

void sim_io_free(struct sim_io *io)
{
        if (!io)
                return;
        sim_uring_free(io->ring);
        free(io);
}

int sim_io_connect(struct sim_io *io, struct sim_attempt *a, const struct sockaddr *to, socklen_t len)
{
        int r;

        if (!io->ring) {
                a->result = connect(a->fd, to, len) == 0 ? 0 : errno == EINPROGRESS ? 1 : -errno;
                return 0;
        }
        if (io->n_to == BATCH)
                return -ENOBUFS;
        /* The kernel may read the address later: keep it until everything has settled. */
        memcpy(&io->to[io->n_to], to, len);
        io->started[io->n_to] = a;
        r = sim_uring_connect(io->ring, a->fd, (struct sockaddr *) &io->to[io->n_to], len, io->n_to);
        if (r < 0)
                return r;
        io->n_to++;
        a->result = 1;
        return 0;
}

static int time_left(nsec_t deadline)
{
        nsec_t left = deadline - clock_boottime();

        return left <= 0 ? 0 : (int) (left / NSEC_PER_MSEC) + 1;
}

static void settle_ring(struct sim_io *io, size_t running, nsec_t deadline)
{
        bool cancelled = false;

        while (running) {
                uint64_t id;
                int result, ms = time_left(deadline), r = ms ? sim_uring_wait(io->ring, ms, &id, &result) : -ETIME;

                if (r == -EINTR)
                        continue;
                if (r < 0 && cancelled)
                        break;
                if (r < 0) {
                        for (size_t i = 0; i < io->n_to; i++)
                                if (io->started[i]->result == 1)
                                        (void) sim_uring_cancel(io->ring, i, SEND_ID);
                        cancelled = true;
                        deadline = clock_boottime() + NSEC_PER_SEC;
                        continue;
                }
                if (id >= io->n_to)
                        continue; /* the answer to a cancel */
                io->started[id]->result = result == -ECANCELED ? -ETIMEDOUT : result;
                running--;
        }
        io->n_to = 0;
}

static void settle_plain(struct sim_attempt *a, size_t n, nsec_t deadline)
{
        for (;;) {
                struct pollfd p[BATCH];
                size_t running = 0;

                for (size_t i = 0; i < n; i++) {
                        p[i] = (struct pollfd){.fd = a[i].result == 1 ? a[i].fd : -1, .events = POLLOUT};
                        running += a[i].result == 1;
                }
                if (running == 0 || time_left(deadline) == 0)
                        return;
                if (poll(p, n, time_left(deadline)) < 0 && errno != EINTR)
                        return;
                for (size_t i = 0; i < n; i++) {
                        int error = 0;
                        socklen_t len = sizeof(error);

                        if (p[i].fd < 0 || !p[i].revents)
                                continue;
                        if (getsockopt(a[i].fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
                                error = errno;
                        a[i].result = -error;
                }
        }
}

void sim_io_settle(struct sim_io *io, struct sim_attempt *a, size_t n, int timeout_ms)
{
        nsec_t deadline = clock_boottime() + timeout_ms * NSEC_PER_MSEC;
        size_t running = 0;

        n = MIN(n, (size_t) BATCH);
        for (size_t i = 0; i < n; i++)
                running += a[i].result == 1;
        if (io->ring)
                settle_ring(io, running, deadline);
        else
                settle_plain(a, n, deadline);
        for (size_t i = 0; i < n; i++)
                if (a[i].result == 1)
                        a[i].result = -ETIMEDOUT;
}

ssize_t sim_io_send(struct sim_io *io, int fd, const void *data, size_t len)
{
        uint64_t id = 0;
        int result, r;

        if (!io || !io->ring) {
                ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

                return n < 0 ? -errno : n;
        }
        r = sim_uring_send(io->ring, fd, data, len, SEND_ID);
        while (r == 0 && id != SEND_ID)
                r = sim_uring_wait(io->ring, 1000, &id, &result);
        return r < 0 ? r : result;
}

pid_t sim_io_kernel_thread(const struct sim_io *io)
{
        return io->ring ? sim_uring_kernel_thread(io->ring) : 0;
}
