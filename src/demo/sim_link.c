/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The conversation between bot and server, line by line over TCP, UDP or TLS; non-blocking. Runs in both. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "demo/sim.h"

#define CONNECT_TIMEOUT_MS 5000

static int wait_for(int fd, short events, nsec_t deadline)
{
        nsec_t left = deadline - clock_boottime();
        struct pollfd p = {.fd = fd, .events = events};
        int r;

        if (left <= 0)
                return -ETIMEDOUT;
        r = poll(&p, 1, (int) (left / NSEC_PER_MSEC) + 1);
        return r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

static int shake_hands(struct sim_link *l, nsec_t deadline)
{
        short events;
        int r = sim_tls_attach(l->fd, NULL, &l->tls);

        while (r == 0) {
                r = sim_tls_connect(l->tls, &events);
                if (r != -EAGAIN)
                        return r;
                r = wait_for(l->fd, events, deadline);
        }
        return r;
}

int sim_link_connect(const struct sim_endpoint *server, enum sim_transport transport, struct sim_link *ret)
{
        _cleanup_(sim_link_done)
        struct sim_link l = {.fd = -EBADF};
        nsec_t deadline = clock_boottime() + CONNECT_TIMEOUT_MS * NSEC_PER_MSEC;
        struct sockaddr_storage to;
        socklen_t len = sim_endpoint_sockaddr(server, &to), error_len = sizeof(int);
        int r = 0, error = 0;

        l.fd = socket(to.ss_family, (transport == SIM_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                      0);
        if (l.fd < 0)
                return -errno;
        if (connect(l.fd, (struct sockaddr *) &to, len) < 0) {
                if (errno != EINPROGRESS)
                        return -errno;
                r = wait_for(l.fd, POLLOUT, deadline);
                if (r == 0 && getsockopt(l.fd, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0)
                        r = -errno;
        }
        if (r == 0)
                r = -error;
        if (r == 0 && transport == SIM_TLS)
                r = shake_hands(&l, deadline);
        if (r < 0)
                return r;
        *ret = l;
        l = (struct sim_link){.fd = -EBADF};
        return 0;
}

int sim_link_accept(int fd, struct sim_tls_server *tls, struct sim_link *ret)
{
        _cleanup_(sim_link_done)
        struct sim_link l = {.fd = fd};
        int r = tls ? sim_tls_attach(fd, tls, &l.tls) : 0;

        if (r < 0)
                return r;
        *ret = l;
        l = (struct sim_link){.fd = -EBADF};
        return 0;
}

int sim_link_send(struct sim_link *l, const char *format, ...)
{
        char line[SIM_LINE_MAX];
        struct buf b = {.data = line, .size = sizeof(line) - 2, .max = sizeof(line) - 3, .fixed = true};
        va_list ap;
        ssize_t n;

        va_start(ap, format);
        buf_vprintf(&b, format, ap);
        va_end(ap);
        memcpy(line + b.len, "\r\n", 2);
        if (l->tls)
                return sim_tls_write(l->tls, line, b.len + 2);
        n = send(l->fd, line, b.len + 2, MSG_NOSIGNAL);
        return n < 0 ? -errno : n < (ssize_t) b.len + 2 ? -ENOBUFS : 0;
}

/* Bytes, 0: nothing now, -ECONNRESET: over. */
static ssize_t read_some(struct sim_link *l, char *data, size_t size)
{
        ssize_t n;

        if (l->tls)
                return sim_tls_read(l->tls, data, size);
        n = recv(l->fd, data, size, 0);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
        return n == 0 ? -ECONNRESET : n;
}

int sim_link_read(struct sim_link *l, sim_line_func func, void *userdata)
{
        char data[2048];
        int got = 0;

        /* TLS may hold decrypted bytes that poll() knows nothing of, so read until there is nothing; bounded, so that
         * one peer cannot keep us here. */
        for (int i = 0; i < 64; i++) {
                ssize_t n = read_some(l, data, sizeof(data));

                if (n < 0)
                        return got ? 1 : (int) n;
                if (n == 0)
                        break;
                got = 1;
                sim_lines_feed(&l->in, data, (size_t) n, func, userdata);
        }
        return got;
}

void sim_link_done(struct sim_link *l)
{
        sim_tls_free(l->tls);
        l->tls = NULL;
        if (l->fd >= 0)
                close(l->fd);
        l->fd = -EBADF;
}
