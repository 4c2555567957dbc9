/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads and child processes that act in a case, and their true names. Runs in sekimori-gen. */
#include "actor.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

uint64_t actor_now(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_BOOTTIME, &ts);
        return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

/* Field 1 and field 22 of a stat file: number and start in clock ticks. */
static int read_stat(const char *path, uint32_t *ret_id, uint64_t *ret_ticks)
{
        char text[1024];
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;
        char *p;

        if (fd < 0)
                return -errno;
        n = read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return n < 0 ? -errno : -EIO;
        text[n] = 0;
        p = strrchr(text, ')');
        for (int field = 2; p && field < 22; field++)
                p = strchr(p + 1, ' ');
        if (!p)
                return -EIO;
        *ret_id = (uint32_t) strtoul(text, NULL, 10);
        *ret_ticks = strtoull(p + 1, NULL, 10);
        return 0;
}

int actor_self(uint64_t before, struct gen_task *ret)
{
        uint64_t tick = 1000000000u / (uint64_t) sysconf(_SC_CLK_TCK), now = actor_now(), start, ticks;
        struct gen_task t = {0};
        int r;

        r = read_stat("/proc/self/stat", &t.pid, &start);
        if (r < 0)
                return r;
        r = read_stat("/proc/thread-self/stat", &t.tid, &ticks);
        if (r < 0)
                return r;
        t.start_min = MAX(ticks * tick, before);
        t.start_max = MIN((ticks + 1) * tick, now);
        *ret = t;
        return 0;
}

uint64_t actor_netns(void)
{
        struct stat st;

        return stat("/proc/thread-self/ns/net", &st) < 0 ? 0 : st.st_ino;
}

uint64_t actor_netns_cookie(void)
{
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        uint64_t cookie = 0;
        socklen_t len = sizeof(cookie);

        return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

struct actor {
        struct gen *g;
        pthread_t thread;
        sem_t wanted, done;
        actor_call fn;
        void *arg;
        int result;
        uint64_t before;
        struct gen_task task;
};

static void *actor_loop(void *arg)
{
        struct actor *a = arg;

        a->result = actor_self(a->before, &a->task);
        for (;;) {
                sem_post(&a->done);
                while (sem_wait(&a->wanted) < 0)
                        ;
                a->result = a->fn(a->g, a->arg);
        }
        return NULL;
}

int actor_thread(struct gen *g, struct actor **ret)
{
        /* static: the thread runs until the process ends, and so must its memory */
        static struct actor actors[8];
        static unsigned n;
        struct actor *a = &actors[n];
        int r;

        if (n == ELEMENTSOF(actors))
                return -ENOBUFS;
        a->g = g;
        sem_init(&a->wanted, 0, 0);
        sem_init(&a->done, 0, 0);
        a->before = actor_now();
        r = pthread_create(&a->thread, NULL, actor_loop, a);
        if (r)
                return -r;
        n++;
        while (sem_wait(&a->done) < 0)
                ;
        if (a->result < 0)
                return a->result;
        *ret = a;
        return 0;
}

int actor_do(struct actor *a, actor_call fn, void *arg)
{
        a->fn = fn;
        a->arg = arg;
        sem_post(&a->wanted);
        while (sem_wait(&a->done) < 0)
                ;
        return a->result;
}

const struct gen_task *actor_task(const struct actor *a)
{
        return &a->task;
}

int actor_report_write(int fd, const struct actor_report *r)
{
        return write(fd, r, sizeof(*r)) == (ssize_t) sizeof(*r) ? 0 : -EIO;
}

_Noreturn static void child_main(struct actor_ctx *ctx, actor_main fn, uint64_t before, bool stay)
{
        int r;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ctx->report.result = actor_self(before, &ctx->report.task);
        if (ctx->report.result == 0)
                ctx->report.result = fn(ctx);
        ctx->report.done = actor_now();
        r = actor_report_write(ctx->report_fd, &ctx->report);
        while (stay)
                pause();
        _exit(r < 0);
}

int actor_spawn(struct gen *g, unsigned long flags, bool stay, actor_main fn, void *arg, struct actor_child *ret)
{
        int report[2], command[2];
        uint64_t before = actor_now();
        pid_t pid;

        if (pipe2(report, O_CLOEXEC) < 0)
                return -errno;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, command) < 0) {
                close(report[0]);
                close(report[1]);
                return -errno;
        }
        pid = flags ? (pid_t) syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0UL) : fork();
        if (pid == 0) {
                struct actor_ctx ctx = {.g = g, .report_fd = report[1], .command = command[1], .arg = arg};

                if (!(flags & CLONE_FILES)) {
                        close(report[0]);
                        close(command[0]);
                }
                child_main(&ctx, fn, before, stay);
        }
        if (!(flags & CLONE_FILES)) {
                close(report[1]);
                close(command[1]);
        }
        if (pid < 0) {
                close(report[0]);
                close(command[0]);
                return -errno;
        }
        *ret = (struct actor_child){.pid = pid, .before = before, .report = report[0], .command = command[0]};
        return 0;
}

int actor_report_read(struct actor_child *c, struct actor_report *ret)
{
        struct actor_report r;

        if (read(c->report, &r, sizeof(r)) != (ssize_t) sizeof(r))
                return -EIO;
        if (r.result < 0)
                return r.result;
        *ret = r;
        return 0;
}

void actor_child_done(struct actor_child *c)
{
        if (c->pid <= 0)
                return;
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
        close(c->report);
        close(c->command);
        c->pid = 0;
}

struct gen_sender *actor_sender(struct gen *g, struct gen_expect *e, const struct gen_task *task,
                                const struct gen_task *creators, unsigned n)
{
        struct gen_sender *s = &e->senders[MIN(e->n_senders, GEN_SENDERS_MAX - 1u)];

        *s = (struct gen_sender){.task = *task};
        for (unsigned i = 0; i < n && s->n_chain < GEN_CHAIN_MAX - 1; i++)
                s->chain[s->n_chain++] = creators[i];
        if (task->tid != g->self.tid || task->start_min > g->self.start_max)
                s->chain[s->n_chain++] = g->self;
        if (e->n_senders < GEN_SENDERS_MAX)
                e->n_senders++;
        return s;
}

void actor_other(struct gen_expect *e, const struct gen_task *task)
{
        if (e->n_others < ELEMENTSOF(e->others))
                e->others[e->n_others++] = *task;
}
