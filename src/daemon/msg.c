/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages between warden and engine; both processes. */
#include "daemon/msg.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

/* Which places of source_fds are filled travels in front of the descriptors: one byte each. */
struct wire {
        struct msg m;
        uint8_t filled[SOURCE_FDS_MAX];
};

const size_t msg_wire_size = sizeof(struct wire);

bool msg_is_valid(const void *bytes, size_t len)
{
        unsigned filled = 0;
        struct wire w;

        if (len != sizeof(w))
                return false;
        memcpy(&w, bytes, sizeof(w));
        for (int i = 0; i < SOURCE_FDS_MAX; i++) {
                if (w.filled[i] > 1)
                        return false;
                filled += w.filled[i];
        }
        return w.m.magic == MSG_MAGIC && w.m.verb > MSG_NONE && w.m.verb < MSG_VERBS && w.m.n_fds == filled &&
               w.m.request < SOURCE_REQUESTS && w.m.slot < SLOTS && memchr(w.m.text, '\0', sizeof(w.m.text)) != NULL;
}

int msg_send(int fd, const struct msg *m, const struct source_fds *fds)
{
        struct wire w = {.m = *m};
        int open_fds[SOURCE_FDS_MAX];
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(open_fds))];
        } control;
        struct iovec iov = {&w, sizeof(w)};
        struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
        struct cmsghdr *c;

        w.m.magic = MSG_MAGIC;
        w.m.n_fds = 0;
        for (int i = 0; fds && i < MIN(fds->n, SOURCE_FDS_MAX); i++)
                if (fds->fd[i] >= 0) {
                        open_fds[w.m.n_fds++] = fds->fd[i];
                        w.filled[i] = 1;
                }
        /* The engine, which has none to give, may not make the other call: see sandbox_filter.c. */
        if (!w.m.n_fds)
                return send(fd, &w, sizeof(w), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
        memset(&control, 0, sizeof(control));
        h.msg_control = control.bytes;
        h.msg_controllen = CMSG_SPACE(w.m.n_fds * sizeof(int));
        c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(w.m.n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), open_fds, w.m.n_fds * sizeof(int));
        return sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* An empty datagram reads like the end of the other side; only the end hangs up. */
static bool is_gone(int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLRDHUP};

        return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL);
}

static void close_all(const int *fds, int n)
{
        for (int i = 0; i < n; i++)
                close(fds[i]);
}

/* Takes the descriptors out of the control data. Returns how many, or -EBADMSG with all of them closed. */
static int take_fds(struct msghdr *h, int fds[static SOURCE_FDS_MAX])
{
        int n = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
                size_t more = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < more; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (n < SOURCE_FDS_MAX)
                                fds[n++] = fd;
                        else
                                close(fd);
                }
        }
        if (!(h->msg_flags & MSG_CTRUNC))
                return n;
        close_all(fds, n);
        return -EBADMSG;
}

int msg_receive(int fd, struct msg *ret, struct source_fds *ret_fds)
{
        struct wire w;
        int fds[SOURCE_FDS_MAX], n, at = 0;
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(fds))];
        } control;
        struct iovec iov = {&w, sizeof(w)};
        struct msghdr h = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control)};
        ssize_t len = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (len < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
        n = take_fds(&h, fds);
        if (len == 0) {
                close_all(fds, n);
                return n == 0 && is_gone(fd) ? -EPIPE : -EBADMSG;
        }
        if (n < 0)
                return n;
        if ((h.msg_flags & MSG_TRUNC) || !msg_is_valid(&w, (size_t) len) || w.m.n_fds != (uint32_t) n) {
                close_all(fds, n);
                return -EBADMSG;
        }
        *ret = w.m;
        memset(ret_fds, 0, sizeof(*ret_fds));
        ret_fds->n = SOURCE_FDS_MAX;
        for (int i = 0; i < SOURCE_FDS_MAX; i++)
                ret_fds->fd[i] = w.filled[i] ? fds[at++] : -1; /* as many as there are: checked */
        return 1;
}
