/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Those who act in a case: threads that carry out one call after the other, and child processes. Each knows its own
 * numbers from /proc/thread-self, so they are those of the machine even inside a pid namespace. */
#ifndef SEKIMORI_BENCH_ACTOR_H
#define SEKIMORI_BENCH_ACTOR_H

#include "gen.h"

typedef int (*actor_call)(struct gen *g, void *arg);

uint64_t actor_now(void); /* CLOCK_BOOTTIME, ns */
/* This thread; `before` is a time before its creation, 0: not known. */
int actor_self(uint64_t before, struct gen_task *ret);
/* This thread's network namespace: its inode, and its cookie, which is never used again. 0: not known. */
uint64_t actor_netns(void);
uint64_t actor_netns_cookie(void);

struct actor;

/* A thread of this process, parked until called. Lives until the process ends. */
int actor_thread(struct gen *g, struct actor **ret);
/* Runs fn in that thread and waits for it; returns what fn returned. */
int actor_do(struct actor *a, actor_call fn, void *arg);
const struct gen_task *actor_task(const struct actor *a);

/* What a child process says of itself, over a pipe. */
struct actor_report {
        struct gen_task task;
        union gen_addr local;
        int result;
        uint64_t done; /* when it had sent */
};

struct actor_child {
        pid_t pid;
        uint64_t before; /* a time before its creation */
        int report;      /* pipe, read end */
        int command;     /* socket to the child */
};

/* What a child process works with. */
struct actor_ctx {
        struct gen *g;
        struct actor_report report;
        int report_fd, command;
        void *arg;
};
typedef int (*actor_main)(struct actor_ctx *ctx);

/* clone() with `flags` (SIGCHLD is added), running fn in the child; then the child reports and, with `stay`, waits for
 * its end by signal, else exits at once. */
int actor_spawn(struct gen *g, unsigned long flags, bool stay, actor_main fn, void *arg, struct actor_child *ret);
/* Reads one report; -EIO when the child died without one. */
int actor_report_read(struct actor_child *c, struct actor_report *ret);
int actor_report_write(int fd, const struct actor_report *r);
/* Ends the child if it still lives, and reaps it. */
void actor_child_done(struct actor_child *c);

/* Adds a sender to an expectation. `creators` nearest first, without the generator's first thread, which is added. */
struct gen_sender *actor_sender(struct gen *g, struct gen_expect *e, const struct gen_task *task,
                                const struct gen_task *creators, unsigned n);
void actor_other(struct gen_expect *e, const struct gen_task *task);

#endif
