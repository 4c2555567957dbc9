/* SPDX-License-Identifier: GPL-3.0-or-later */
/* io_uring: an operation may run in the submitter, in a worker thread that the submitter created, or in the SQPOLL
 * thread of the ring. Runs in sekimori-gen. */
#include "uring.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "send.h"

#define URING_ENTRIES 8

int uring_open(struct uring *u, uint32_t flags)
{
        struct io_uring_params p = {.flags = flags, .sq_thread_idle = 2000};
        uint8_t *sq, *cq;
        size_t sq_len, cq_len;

        *u = (struct uring){.flags = flags};
        u->fd = (int) syscall(SYS_io_uring_setup, URING_ENTRIES, &p);
        if (u->fd < 0)
                return -errno;
        sq_len = p.sq_off.array + p.sq_entries * sizeof(uint32_t);
        cq_len = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
        sq = mmap(NULL, sq_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_SQ_RING);
        cq = mmap(NULL, cq_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_CQ_RING);
        u->sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_SQES);
        if (sq == MAP_FAILED || cq == MAP_FAILED || u->sqes == MAP_FAILED)
                return -errno;
        u->sq_head = (uint32_t *) (void *) (sq + p.sq_off.head);
        u->sq_tail = (uint32_t *) (void *) (sq + p.sq_off.tail);
        u->sq_mask = (uint32_t *) (void *) (sq + p.sq_off.ring_mask);
        u->sq_flags = (uint32_t *) (void *) (sq + p.sq_off.flags);
        u->sq_array = (uint32_t *) (void *) (sq + p.sq_off.array);
        u->cq_head = (uint32_t *) (void *) (cq + p.cq_off.head);
        u->cq_tail = (uint32_t *) (void *) (cq + p.cq_off.tail);
        u->cq_mask = (uint32_t *) (void *) (cq + p.cq_off.ring_mask);
        u->cqes = (struct io_uring_cqe *) (void *) (cq + p.cq_off.cqes);
        return 0;
}

int uring_do(struct uring *u, const struct io_uring_sqe *sqe)
{
        uint32_t tail = *u->sq_tail, slot = tail & *u->sq_mask, head = *u->cq_head;
        unsigned flags = IORING_ENTER_GETEVENTS, submit = 1;
        int result = 0;

        u->sqes[slot] = *sqe;
        u->sq_array[slot] = slot;
        __atomic_store_n(u->sq_tail, tail + 1, __ATOMIC_RELEASE);
        if (u->flags & IORING_SETUP_SQPOLL) {
                __atomic_thread_fence(__ATOMIC_SEQ_CST);
                submit = 0;
                if (__atomic_load_n(u->sq_flags, __ATOMIC_ACQUIRE) & IORING_SQ_NEED_WAKEUP)
                        flags |= IORING_ENTER_SQ_WAKEUP;
        }
        for (bool first = true;; first = false) {
                const struct io_uring_cqe *cqe = &u->cqes[head & *u->cq_mask];
                bool more;

                while (submit || __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE) == head) {
                        if (syscall(SYS_io_uring_enter, u->fd, submit, 1, flags, NULL, 0) < 0 && errno != EINTR)
                                return -errno;
                        submit = 0;
                }
                if (first)
                        result = cqe->res;
                /* a zero-copy send completes twice */
                more = cqe->flags & IORING_CQE_F_MORE;
                __atomic_store_n(u->cq_head, ++head, __ATOMIC_RELEASE);
                if (!more)
                        break;
        }
        return result;
}

struct uring_job {
        struct send_job send;
        uint32_t setup; /* IORING_SETUP_* */
        uint8_t op;     /* how the payload leaves */
        uint8_t flags;  /* IOSQE_* */
        bool connect;   /* the connection too is made by the ring */
};

static int ring_connect(struct gen *g, struct uring *u, struct uring_job *job)
{
        struct io_uring_sqe sqe = {.opcode = IORING_OP_CONNECT, .flags = job->flags};
        int r = send_socket(&job->send);

        if (r < 0)
                return r;
        job->send.remote = gen_peer(g, job->send.family, job->send.port);
        sqe.fd = job->send.fd;
        sqe.addr = (uint64_t) (uintptr_t) &job->send.remote;
        sqe.off = gen_addr_len(&job->send.remote);
        return uring_do(u, &sqe);
}

static int uring_call(struct gen *g, void *arg)
{
        struct uring_job *job = arg;
        struct uring u;
        struct iovec iov = {.iov_base = (void *) send_payload, .iov_len = SEND_PAYLOAD};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        int r = uring_open(&u, job->setup);

        if (r < 0)
                return r;
        r = job->connect ? ring_connect(g, &u, job) : send_open(g, &job->send);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < g->count; i++) {
                struct io_uring_sqe sqe = {.opcode = job->op, .flags = job->flags, .fd = job->send.fd};

                sqe.addr = (uint64_t) (uintptr_t) (job->op == IORING_OP_SENDMSG ? (const void *) &msg : send_payload);
                sqe.len = job->op == IORING_OP_SENDMSG ? 1 : SEND_PAYLOAD;
                if (job->op == IORING_OP_WRITE)
                        sqe.off = (uint64_t) -1;
                r = uring_do(&u, &sqe);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Names of this process's io_uring threads, for the note. */
static void name_workers(struct gen_expect *e)
{
        DIR *d = opendir("/proc/self/task");
        struct dirent *de;
        size_t len = strlen(e->note);

        while (d && (de = readdir(d))) {
                char path[300], comm[32] = "";
                _cleanup_close_ int fd = -1;
                ssize_t n;

                snprintf(path, sizeof(path), "/proc/self/task/%s/comm", de->d_name);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                n = fd < 0 ? 0 : read(fd, comm, sizeof(comm) - 1);
                if (n <= 0 || strncmp(comm, "iou-", 4) != 0)
                        continue;
                comm[n - 1] = 0;
                len += (size_t) snprintf(e->note + len, sizeof(e->note) - len, "%s%s", len ? ", " : "", comm);
                if (len >= sizeof(e->note))
                        break;
        }
        if (d)
                closedir(d);
}

static int uring_case(struct gen *g, struct uring_job job)
{
        struct actor *a;
        struct gen_expect *e;
        struct gen_sender *s;
        int r = actor_thread(g, &a);

        if (r < 0)
                return r;
        if (job.send.port == 0)
                job.send.port = job.send.type == SOCK_STREAM ? GEN_PORT_TCP : GEN_PORT_UDP;
        r = actor_do(a, uring_call, &job);
        if (r == -EINVAL)
                return gen_impossible(g, "not on this kernel: the io_uring operation is refused");
        if (r == -EPERM)
                return gen_impossible(g, "io_uring is switched off here (kernel.io_uring_disabled)");
        if (r < 0)
                return gen_failed(g, r, "io_uring");
        e = gen_expect(g, job.send.type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP, job.send.fd, &job.send.remote);
        s = actor_sender(g, e, actor_task(a), NULL, 0);
        s->by_worker = true;
        name_workers(e);
        return 0;
}

#define URING_CASE(name, ...)                                                                                          \
        static int uring_##name(struct gen *g)                                                                         \
        {                                                                                                              \
                return uring_case(g, (struct uring_job){__VA_ARGS__});                                                 \
        }

#define STREAM .send = {.family = AF_INET, .type = SOCK_STREAM}
#define DGRAM  .send = {.family = AF_INET, .type = SOCK_DGRAM}

URING_CASE(send, DGRAM, .op = IORING_OP_SEND)
URING_CASE(sendmsg, DGRAM, .op = IORING_OP_SENDMSG)
URING_CASE(write, DGRAM, .op = IORING_OP_WRITE)
URING_CASE(send_zc, DGRAM, .op = IORING_OP_SEND_ZC)
URING_CASE(connect, STREAM, .op = IORING_OP_SEND, .connect = true)
URING_CASE(async_send, DGRAM, .op = IORING_OP_SEND, .flags = IOSQE_ASYNC)
URING_CASE(async_sendmsg, DGRAM, .op = IORING_OP_SENDMSG, .flags = IOSQE_ASYNC)
URING_CASE(async_connect, STREAM, .op = IORING_OP_SEND, .connect = true, .flags = IOSQE_ASYNC)
URING_CASE(sqpoll_send, DGRAM, .op = IORING_OP_SEND, .setup = IORING_SETUP_SQPOLL)
URING_CASE(sqpoll_connect, STREAM, .op = IORING_OP_SEND, .connect = true, .setup = IORING_SETUP_SQPOLL)
URING_CASE(sqpoll_async, DGRAM, .op = IORING_OP_SEND, .setup = IORING_SETUP_SQPOLL, .flags = IOSQE_ASYNC)

const struct gen_case gen_cases_uring[] = {
        {"uring-send", "io_uring, IORING_OP_SEND", uring_send},
        {"uring-sendmsg", "io_uring, IORING_OP_SENDMSG", uring_sendmsg},
        {"uring-write", "io_uring, IORING_OP_WRITE on a socket", uring_write},
        {"uring-send-zc", "io_uring, IORING_OP_SEND_ZC", uring_send_zc},
        {"uring-connect", "io_uring, IORING_OP_CONNECT and SEND over TCP", uring_connect},
        {"uring-async-send", "io_uring, SEND forced to a worker", uring_async_send},
        {"uring-async-sendmsg", "io_uring, SENDMSG forced to a worker", uring_async_sendmsg},
        {"uring-async-connect", "io_uring, CONNECT and SEND forced to a worker", uring_async_connect},
        {"uring-sqpoll-send", "io_uring with SQPOLL, SEND", uring_sqpoll_send},
        {"uring-sqpoll-connect", "io_uring with SQPOLL, CONNECT and SEND", uring_sqpoll_connect},
        {"uring-sqpoll-async", "io_uring with SQPOLL, SEND forced to a worker", uring_sqpoll_async},
        {0},
};
