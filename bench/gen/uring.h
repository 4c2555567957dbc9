/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small io_uring without a library: one ring, one operation at a time. */
#ifndef SEKIMORI_BENCH_URING_H
#define SEKIMORI_BENCH_URING_H

#include <linux/io_uring.h>
#include <stdint.h>

struct uring {
        int fd;
        uint32_t flags; /* IORING_SETUP_* */
        uint32_t *sq_head, *sq_tail, *sq_mask, *sq_flags, *sq_array;
        uint32_t *cq_head, *cq_tail, *cq_mask;
        struct io_uring_cqe *cqes;
        struct io_uring_sqe *sqes;
};

/* 0 or negative errno. The maps stay until the process ends. */
int uring_open(struct uring *u, uint32_t flags);
/* Submits one entry and waits for its completion; returns the operation's result. */
int uring_do(struct uring *u, const struct io_uring_sqe *sqe);

#endif
