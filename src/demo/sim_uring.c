/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small io_uring by system calls, so that the simulation needs no further library: connect, send, cancel, wait. Runs
 * in the worker of the io-uring shapes. Asks for nothing that Linux 5.11 does not have. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "demo/sim.h"

#define ENTRIES 128

struct sim_uring {
        int fd;
        bool sqpoll;
        struct io_uring_params params;
        uint8_t *rings; /* submission and completion queue share one mapping */
        size_t rings_size;
        struct io_uring_sqe *sqes;
};

static _Atomic(uint32_t) *at(const struct sim_uring *u, uint32_t offset)
{
        return (_Atomic(uint32_t) *) (u->rings + offset);
}

void sim_uring_free(struct sim_uring *u)
{
        if (!u)
                return;
        if (u->sqes != MAP_FAILED)
                munmap(u->sqes, ENTRIES * sizeof(*u->sqes));
        if (u->rings != MAP_FAILED)
                munmap(u->rings, u->rings_size);
        closep(&u->fd);
        free(u);
}

DEFINE_FREEP(struct sim_uring, sim_uring_free)

int sim_uring_new(bool sqpoll, struct sim_uring **ret)
{
        _cleanup_(sim_uring_freep)
        struct sim_uring *u = calloc(1, sizeof(*u));
        struct io_uring_params *p;

        if (!u)
                return -ENOMEM;
        u->rings = MAP_FAILED;
        u->sqes = MAP_FAILED;
        u->sqpoll = sqpoll;
        p = &u->params;
        if (sqpoll) {
                p->flags = IORING_SETUP_SQPOLL;
                p->sq_thread_idle = 2000;
        }
        u->fd = (int) syscall(__NR_io_uring_setup, ENTRIES, p);
        if (u->fd < 0)
                return -errno;
        if (!(p->features & IORING_FEAT_SINGLE_MMAP) || !(p->features & IORING_FEAT_EXT_ARG))
                return -EOPNOTSUPP;
        u->rings_size = MAX(p->sq_off.array + p->sq_entries * sizeof(uint32_t),
                            p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe));
        u->rings =
                mmap(NULL, u->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_SQ_RING);
        u->sqes = mmap(NULL, ENTRIES * sizeof(*u->sqes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd,
                       IORING_OFF_SQES);
        if (u->rings == MAP_FAILED || u->sqes == MAP_FAILED)
                return -errno;
        *ret = TAKE_PTR(u);
        return 0;
}

static int submit(struct sim_uring *u, const struct io_uring_sqe *sqe)
{
        const struct io_sqring_offsets *o = &u->params.sq_off;
        uint32_t mask = atomic_load(at(u, o->ring_mask)), tail = atomic_load(at(u, o->tail));
        unsigned flags = 0;

        /* One entry is handed over at a time; only SQPOLL's thread may lag, and never by a whole ring in our use. */
        if (tail - atomic_load(at(u, o->head)) > mask)
                return -EBUSY;
        u->sqes[tail & mask] = *sqe;
        atomic_store(at(u, o->array) + (tail & mask), tail & mask);
        atomic_store(at(u, o->tail), tail + 1);
        if (u->sqpoll) {
                if (!(atomic_load(at(u, o->flags)) & IORING_SQ_NEED_WAKEUP))
                        return 0;
                flags = IORING_ENTER_SQ_WAKEUP;
        }
        return syscall(__NR_io_uring_enter, u->fd, 1, 0, flags, NULL, 0) < 0 ? -errno : 0;
}

int sim_uring_connect(struct sim_uring *u, int fd, const struct sockaddr *to, socklen_t len, uint64_t id)
{
        /* The address is read when the request is prepared, which with SQPOLL is after we return: the caller keeps it
         * until the completion. */
        const struct io_uring_sqe sqe = {
                .opcode = IORING_OP_CONNECT, .fd = fd, .addr = (uintptr_t) to, .off = len, .user_data = id};

        return submit(u, &sqe);
}

int sim_uring_send(struct sim_uring *u, int fd, const void *data, size_t len, uint64_t id)
{
        const struct io_uring_sqe sqe = {.opcode = IORING_OP_SEND,
                                         .fd = fd,
                                         .addr = (uintptr_t) data,
                                         .len = (uint32_t) len,
                                         .msg_flags = MSG_NOSIGNAL,
                                         .user_data = id};

        return submit(u, &sqe);
}

int sim_uring_cancel(struct sim_uring *u, uint64_t target, uint64_t id)
{
        const struct io_uring_sqe sqe = {.opcode = IORING_OP_ASYNC_CANCEL, .fd = -1, .addr = target, .user_data = id};

        return submit(u, &sqe);
}

int sim_uring_wait(struct sim_uring *u, int timeout_ms, uint64_t *ret_id, int *ret_result)
{
        const struct io_cqring_offsets *o = &u->params.cq_off;
        uint32_t head = atomic_load(at(u, o->head)), mask = atomic_load(at(u, o->ring_mask));
        const struct io_uring_cqe *cqes = (const struct io_uring_cqe *) (u->rings + o->cqes);

        if (head == atomic_load(at(u, o->tail))) {
                struct __kernel_timespec ts = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000LL};
                struct io_uring_getevents_arg arg = {.ts = (uintptr_t) &ts};

                if (syscall(__NR_io_uring_enter, u->fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
                            sizeof(arg)) < 0 &&
                    errno != ETIME)
                        return -errno;
                if (head == atomic_load(at(u, o->tail)))
                        return -ETIME;
        }
        *ret_id = cqes[head & mask].user_data;
        *ret_result = cqes[head & mask].res;
        atomic_store(at(u, o->head), head + 1);
        return 0;
}

pid_t sim_uring_kernel_thread(const struct sim_uring *u)
{
        DIR *d = u->sqpoll ? opendir("/proc/self/task") : NULL;
        const struct dirent *e;
        pid_t found = 0;

        /* The worker has one thread, so the other one is the ring's; fdinfo's SqThread names the creator at first. */
        while (d && found == 0 && (e = readdir(d))) {
                int tid = atoi(e->d_name);

                if (tid > 0 && tid != gettid())
                        found = tid;
        }
        if (d)
                closedir(d);
        return found;
}
