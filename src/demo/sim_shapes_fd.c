/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shapes in which one process opens the sockets and another sends: descriptors inherited over fork(), and descriptors
 * passed over a Unix socket. Runs in the bot and in its helper process. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "demo/sim.h"

#define SOCKETS_MAX 200 /* below SCM_MAX_FD (253), and far below the limit of open files */

struct sockets {
        size_t n;
        int fds[SOCKETS_MAX];
        uint32_t index[SOCKETS_MAX]; /* which target */
};

static void close_all(struct sockets *s)
{
        for (size_t i = 0; i < s->n; i++)
                close(s->fds[i]);
        s->n = 0;
}

/* In the bot: opens what it can. For TCP these connects are packets of the bot's own, and it says so. */
static int open_all(struct sim_job *job, struct sockets *ret)
{
        uint32_t size = sim_space_size(job->space), want = MIN(job->order.count, (uint32_t) SOCKETS_MAX);
        bool one = job->order.kind == SIM_UDPFLOOD || job->order.kind == SIM_GET;
        int r = -ECONNREFUSED;

        if (job->order.kind == SIM_FORGE)
                return -EOPNOTSUPP;
        ret->n = 0;
        job->first_said = true; /* "opened" tells it */
        for (uint32_t i = 0; i < (one ? 1 : MIN(want, size)); i++) {
                r = sim_work_open(job, i, &ret->fds[ret->n]);
                if (r == 0)
                        ret->index[ret->n++] = i;
                else if (r == -EPERM || r == -ENOBUFS)
                        break;
        }
        sim_say("opened", "\"sockets\":%zu,\"first_packet\":%lld", ret->n, (long long) job->first_packet);
        /* From here on the counts and the first packet are the helper's. */
        job->result = (struct sim_result){};
        job->first_packet = 0;
        job->first_said = false;
        return ret->n ? 0 : r;
}

static int send_all(struct sim_job *job, const struct sockets *s)
{
        uint32_t count = job->order.kind == SIM_UDPFLOOD ? job->order.count : (uint32_t) s->n;
        int r = 0;

        for (uint32_t i = 0; i < count && r == 0; i++) {
                struct sim_endpoint to = sim_space_pick(job->space, s->index[i % s->n]);

                r = sim_work_send(job, NULL, s->fds[i % s->n], &to, i);
        }
        return r;
}

int sim_shape_inherited(struct sim_job *job)
{
        struct sockets s;
        int r = open_all(job, &s);
        pid_t pid;

        if (r < 0)
                return r;
        pid = fork();
        if (pid == 0) {
                sim_work_begin(job);
                sim_work_end(job, send_all(job, &s));
                _exit(0);
        }
        r = pid < 0 ? -errno : 0;
        close_all(&s);
        return r;
}

union control {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * SOCKETS_MAX)];
};

static int pass(int channel, struct sockets *s)
{
        union control control = {};
        struct iovec data = {.iov_base = s->index, .iov_len = s->n * sizeof(s->index[0])};
        struct msghdr m = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = CMSG_SPACE(sizeof(int) * s->n)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * s->n);
        memcpy(CMSG_DATA(c), s->fds, sizeof(int) * s->n);
        return sendmsg(channel, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int take(int channel, struct sockets *ret)
{
        union control control = {};
        struct iovec data = {.iov_base = ret->index, .iov_len = sizeof(ret->index)};
        struct msghdr m = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
        ssize_t n = recvmsg(channel, &m, MSG_CMSG_CLOEXEC);
        const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

        if (n <= 0 || !c || c->cmsg_type != SCM_RIGHTS)
                return n < 0 ? -errno : -ENOMSG;
        ret->n = MIN((c->cmsg_len - CMSG_LEN(0)) / sizeof(int), (size_t) SOCKETS_MAX);
        memcpy(ret->fds, CMSG_DATA(c), ret->n * sizeof(int));
        return ret->n && (size_t) n == ret->n * sizeof(ret->index[0]) ? 0 : -ENOMSG;
}

static _Noreturn void help(struct sim_job *job, int channel)
{
        struct sockets s = {};
        int r;

        sim_safety_inherit_clock();
        r = take(channel, &s);
        if (r == -ENOMSG)
                _exit(0); /* the bot could open nothing, and has said so */
        sim_work_begin(job);
        sim_work_end(job, r < 0 ? r : send_all(job, &s));
        _exit(0);
}

/* The helper exists before the sockets do, so it cannot have inherited them. */
int sim_shape_fd_passing(struct sim_job *job)
{
        struct sockets s;
        int pair[2], r;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid = fork();
        if (pid == 0) {
                close(pair[0]);
                help(job, pair[1]);
        }
        close(pair[1]);
        r = pid < 0 ? -errno : open_all(job, &s);
        if (r == 0) {
                r = pass(pair[0], &s);
                close_all(&s);
        }
        close(pair[0]);
        return r;
}
