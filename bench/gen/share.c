/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One socket, many users: who opened it is not who sends. Runs in sekimori-gen. */
#include "send.h"

#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static int receive_fd(int from, int *ret)
{
        char byte, control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec iov = {.iov_base = &byte, .iov_len = 1};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
        struct cmsghdr *c;

        if (recvmsg(from, &m, MSG_CMSG_CLOEXEC) != 1)
                return -EIO;
        c = CMSG_FIRSTHDR(&m);
        if (!c || c->cmsg_type != SCM_RIGHTS)
                return -EIO;
        memcpy(ret, CMSG_DATA(c), sizeof(int));
        return 0;
}

static int pass_fd(int to, int fd)
{
        char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec iov = {.iov_base = &byte, .iov_len = 1};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
        return sendmsg(to, &m, 0) == 1 ? 0 : -errno;
}

static int child_send(struct actor_ctx *ctx, int fd)
{
        struct send_job job = {.fd = fd};
        socklen_t len = sizeof(ctx->report.local);

        getsockname(fd, &ctx->report.local.sa, &len);
        return send_write(ctx->g, &job);
}

static int scm_main(struct actor_ctx *ctx)
{
        int fd, r = receive_fd(ctx->command, &fd);

        return r < 0 ? r : child_send(ctx, fd);
}

/* Takes the descriptor out of its parent without being given it. */
static int pidfd_main(struct actor_ctx *ctx)
{
        int number, fd;
        _cleanup_close_ int parent = (int) syscall(SYS_pidfd_open, getppid(), 0);

        if (read(ctx->command, &number, sizeof(number)) != (ssize_t) sizeof(number))
                return -EIO;
        if (parent < 0)
                return -errno;
        fd = (int) syscall(SYS_pidfd_getfd, parent, number, 0);
        return fd < 0 ? -errno : child_send(ctx, fd);
}

/* Shares the descriptor table, so the number alone is enough. */
static int clone_files_main(struct actor_ctx *ctx)
{
        int number;

        if (read(ctx->command, &number, sizeof(number)) != (ssize_t) sizeof(number))
                return -EIO;
        return child_send(ctx, number);
}

static int inherited_main(struct actor_ctx *ctx)
{
        return child_send(ctx, *(int *) ctx->arg);
}

enum share_way { SHARE_SCM, SHARE_PIDFD, SHARE_CLONE_FILES, SHARE_FORK };

/* The generator opens the socket, and a child sends. Except for a plain fork, the child is older than the socket. */
static int share_case(struct gen *g, enum share_way way, int type)
{
        static const actor_main mains[] = {scm_main, pidfd_main, clone_files_main, inherited_main};
        struct send_job job = {
                .family = AF_INET, .type = type, .port = type == SOCK_STREAM ? GEN_PORT_TCP : GEN_PORT_UDP};
        struct actor_child c = {0};
        struct actor_report report;
        struct gen_expect *e;
        int r = 0;

        if (way != SHARE_FORK)
                r = actor_spawn(g, way == SHARE_CLONE_FILES ? CLONE_FILES : 0, true, mains[way], NULL, &c);
        if (r == 0)
                r = send_open(g, &job);
        if (r == 0 && way == SHARE_FORK)
                r = actor_spawn(g, 0, true, mains[way], &job.fd, &c);
        else if (r == 0 && way == SHARE_SCM)
                r = pass_fd(c.command, job.fd);
        else if (r == 0)
                r = write(c.command, &job.fd, sizeof(job.fd)) == (ssize_t) sizeof(job.fd) ? 0 : -errno;
        if (r == 0)
                r = actor_report_read(&c, &report);
        if (r < 0)
                return gen_failed(g, r, "shared descriptor");
        e = gen_expect(g, type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP, job.fd, &job.remote);
        actor_sender(g, e, &report.task, NULL, 0);
        actor_other(e, &g->self);
        return 0;
}

static int scm_udp(struct gen *g)
{
        return share_case(g, SHARE_SCM, SOCK_DGRAM);
}

static int scm_tcp(struct gen *g)
{
        return share_case(g, SHARE_SCM, SOCK_STREAM);
}

static int pidfd_udp(struct gen *g)
{
        return share_case(g, SHARE_PIDFD, SOCK_DGRAM);
}

static int clone_files_udp(struct gen *g)
{
        return share_case(g, SHARE_CLONE_FILES, SOCK_DGRAM);
}

static int fork_udp(struct gen *g)
{
        return share_case(g, SHARE_FORK, SOCK_DGRAM);
}

static int fork_tcp(struct gen *g)
{
        return share_case(g, SHARE_FORK, SOCK_STREAM);
}

/* Two threads, two sockets, and each sends on the other's. */
static int cross_case(struct gen *g, int type)
{
        struct send_job jobs[2];
        struct actor *a[2];
        int r = 0;

        for (int i = 0; i < 2 && r == 0; i++) {
                jobs[i] = (struct send_job){
                        .family = AF_INET, .type = type, .port = type == SOCK_STREAM ? GEN_PORT_TCP : GEN_PORT_UDP};
                r = actor_thread(g, &a[i]);
                if (r == 0)
                        r = actor_do(a[i], send_open, &jobs[i]);
        }
        for (int i = 0; i < 2 && r == 0; i++)
                r = actor_do(a[1 - i], send_write, &jobs[i]);
        if (r < 0)
                return gen_failed(g, r, "two threads");
        for (int i = 0; i < 2; i++) {
                struct gen_expect *e =
                        gen_expect(g, type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP, jobs[i].fd, &jobs[i].remote);

                actor_sender(g, e, actor_task(a[1 - i]), NULL, 0);
                actor_other(e, actor_task(a[i]));
        }
        return 0;
}

static int cross_udp(struct gen *g)
{
        return cross_case(g, SOCK_DGRAM);
}

static int cross_tcp(struct gen *g)
{
        return cross_case(g, SOCK_STREAM);
}

/* Both threads send on one socket, in turns: both must be named. */
static int both_udp(struct gen *g)
{
        struct send_job job = {.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP};
        struct actor *a[2];
        struct gen_expect *e;
        unsigned count = g->count;
        int r = actor_thread(g, &a[0]);

        if (r == 0)
                r = actor_thread(g, &a[1]);
        if (r == 0)
                r = actor_do(a[0], send_open, &job);
        g->count = 1;
        for (unsigned i = 0; i < count && r == 0; i++)
                r = actor_do(a[i % 2], send_write, &job);
        g->count = count;
        if (r < 0)
                return gen_failed(g, r, "two threads");
        e = gen_expect(g, IPPROTO_UDP, job.fd, &job.remote);
        actor_sender(g, e, actor_task(a[0]), NULL, 0);
        actor_sender(g, e, actor_task(a[1]), NULL, 0);
        return 0;
}

static int dup_call(struct gen *g, void *arg)
{
        struct send_job *job = arg;
        struct send_job twin = *job;

        twin.fd = dup(job->fd);
        return twin.fd < 0 ? -errno : send_write(g, &twin);
}

/* A duplicate outlives the descriptor it was made from. */
static int dup_udp(struct gen *g)
{
        struct send_job job = {.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP};
        struct actor *a;
        struct gen_expect *e;
        int r = actor_thread(g, &a);

        if (r == 0)
                r = send_open(g, &job);
        if (r == 0)
                r = actor_do(a, dup_call, &job);
        if (r < 0)
                return gen_failed(g, r, "dup");
        e = gen_expect(g, IPPROTO_UDP, job.fd, &job.remote);
        close(job.fd);
        actor_sender(g, e, actor_task(a), NULL, 0);
        actor_other(e, &g->self);
        return 0;
}

const struct gen_case gen_cases_share[] = {
        {"scm-rights-udp", "a socket passed over a Unix socket", scm_udp},
        {"scm-rights-tcp", "a TCP connection passed over a Unix socket", scm_tcp},
        {"pidfd-getfd", "a socket taken out of another process", pidfd_udp},
        {"clone-files", "a child that shares the descriptor table", clone_files_udp},
        {"fork-inherit-udp", "a child sends on its parent's socket", fork_udp},
        {"fork-inherit-tcp", "a child sends on its parent's connection", fork_tcp},
        {"threads-cross-udp", "two threads, each sends on the other's socket", cross_udp},
        {"threads-cross-tcp", "the same with TCP connections", cross_tcp},
        {"threads-both-udp", "two threads share one socket: both are senders", both_udp},
        {"dup-udp", "a duplicated descriptor, the first one closed", dup_udp},
        {0},
};
