/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lives that are hard to follow: shorter than a look at /proc, parents that are gone, numbers used again, programs
 * changed by a thread. Runs in sekimori-gen. */
#include "send.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PID_MAX_PATH  "/proc/sys/kernel/pid_max"
#define PID_MAX_SMALL 4096u

/* Child: one datagram. */
static int child_udp(struct actor_ctx *ctx)
{
        struct send_job job = {.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP};
        socklen_t len = sizeof(ctx->report.local);
        int r = send_open_write(ctx->g, &job);

        getsockname(job.fd, &ctx->report.local.sa, &len);
        return r;
}

/* Child: one SYN, and no wait for the answer. */
static int child_tcp(struct actor_ctx *ctx)
{
        struct send_job job = {.family = AF_INET, .type = SOCK_STREAM | SOCK_NONBLOCK, .port = GEN_PORT_TCP};
        socklen_t len = sizeof(ctx->report.local);
        int r = send_open(ctx->g, &job);

        getsockname(job.fd, &ctx->report.local.sa, &len);
        return r == -EINPROGRESS ? 0 : r;
}

/* The expectation of one child's flow. `creators` nearest first, without the generator's first thread. */
static struct gen_expect *expect_child(struct gen *g, int proto, const struct actor_report *r,
                                       const struct gen_task *creators, unsigned n)
{
        const union gen_addr to = gen_peer(g, AF_INET, proto == IPPROTO_TCP ? GEN_PORT_TCP : GEN_PORT_UDP);
        struct gen_expect *e = gen_expect(g, proto, -1, &to);

        e->local = r->local;
        actor_sender(g, e, &r->task, creators, n);
        return e;
}

static int short_case(struct gen *g, int proto)
{
        struct actor_child c;
        struct actor_report report;
        struct gen_expect *e;
        uint64_t ended;
        int r;

        g->count = 1;
        r = actor_spawn(g, 0, false, proto == IPPROTO_TCP ? child_tcp : child_udp, NULL, &c);
        if (r < 0)
                return r;
        waitpid(c.pid, NULL, 0);
        ended = actor_now();
        c.pid = 0;
        r = actor_report_read(&c, &report);
        close(c.report);
        close(c.command);
        if (r < 0)
                return gen_failed(g, r, "short-lived child");
        e = expect_child(g, proto, &report, NULL, 0);
        gen_note(e, "lived %" PRIu64 " us", (ended - c.before) / 1000);
        return 0;
}

static int short_udp(struct gen *g)
{
        return short_case(g, IPPROTO_UDP);
}

static int short_tcp(struct gen *g)
{
        return short_case(g, IPPROTO_TCP);
}

static int vfork_main(void *arg)
{
        struct actor_ctx *ctx = arg;

        /* done: until here the time before its creation */
        ctx->report.result = actor_self(ctx->report.done, &ctx->report.task);
        if (ctx->report.result == 0)
                ctx->report.result = child_udp(ctx);
        return 0;
}

/* A vfork() child works in its parent's memory while the parent stands still. */
static int vfork_send(struct gen *g)
{
        static char stack[65536] __attribute__((aligned(16)));
        struct actor_ctx ctx = {.g = g, .report.done = actor_now()};
        pid_t pid = clone(vfork_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &ctx);

        if (pid < 0)
                return -errno;
        waitpid(pid, NULL, 0);
        if (ctx.report.result < 0)
                return gen_failed(g, ctx.report.result, "vfork");
        expect_child(g, IPPROTO_UDP, &ctx.report, NULL, 0);
        return 0;
}

/* The last of the line: waits until all its forefathers are gone, then sends. */
_Noreturn static void orphan(struct actor_ctx *ctx, uint64_t before, pid_t parent)
{
        struct actor_report r = {0};
        char go;

        r.result = actor_self(before, &r.task);
        if (read(ctx->command, &go, 1) != 1)
                _exit(1);
        while (parent && getppid() == parent)
                sched_yield();
        if (r.result == 0) {
                r.result = child_udp(ctx);
                r.local = ctx->report.local;
        }
        (void) actor_report_write(ctx->report_fd, &r);
        /* until the generator closes its end */
        (void) !read(ctx->command, &go, 1);
        _exit(0);
}

static int double_fork_main(struct actor_ctx *ctx)
{
        struct actor_report r = {0};
        uint64_t before = actor_now();

        (void) actor_report_write(ctx->report_fd, &ctx->report);
        if (fork() != 0)
                _exit(0);
        r.result = actor_self(before, &r.task);
        (void) actor_report_write(ctx->report_fd, &r);
        before = actor_now();
        if (fork() != 0)
                _exit(0);
        orphan(ctx, before, (pid_t) r.task.pid);
}

static int double_fork(struct gen *g)
{
        struct actor_child c;
        struct actor_report first, second, third;
        int r = actor_spawn(g, 0, false, double_fork_main, NULL, &c);

        if (r < 0)
                return r;
        r = actor_report_read(&c, &first);
        if (r == 0)
                r = actor_report_read(&c, &second);
        waitpid(c.pid, NULL, 0);
        if (r == 0)
                r = write(c.command, "", 1) == 1 ? actor_report_read(&c, &third) : -EIO;
        if (r < 0)
                return gen_failed(g, r, "double fork");
        expect_child(g, IPPROTO_UDP, &third, (const struct gen_task[]){second.task, first.task}, 2);
        return 0;
}

static int clone_parent_main(struct actor_ctx *ctx)
{
        uint64_t before = actor_now();
        long pid;

        (void) actor_report_write(ctx->report_fd, &ctx->report);
        pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0UL);
        if (pid != 0)
                _exit(pid < 0);
        orphan(ctx, before, 0);
}

/* With CLONE_PARENT the child's parent is its grandparent: /proc names the wrong creator even while all live. */
static int clone_parent(struct gen *g)
{
        struct actor_child c;
        struct actor_report first, second;
        int r = actor_spawn(g, 0, false, clone_parent_main, NULL, &c);

        if (r < 0)
                return r;
        r = actor_report_read(&c, &first);
        waitpid(c.pid, NULL, 0);
        if (r == 0)
                r = write(c.command, "", 1) == 1 ? actor_report_read(&c, &second) : -EIO;
        if (r < 0)
                return gen_failed(g, r, "CLONE_PARENT");
        expect_child(g, IPPROTO_UDP, &second, &first.task, 1);
        return 0;
}

static unsigned pid_max_get(void)
{
        _cleanup_close_ int fd = open(PID_MAX_PATH, O_RDONLY | O_CLOEXEC);
        char text[32] = "";

        return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? (unsigned) strtoul(text, NULL, 10) : 0;
}

static int pid_max_set(unsigned value)
{
        _cleanup_close_ int fd = open(PID_MAX_PATH, O_WRONLY | O_CLOEXEC);
        char text[32];
        int n = snprintf(text, sizeof(text), "%u", value);

        return fd >= 0 && write(fd, text, (size_t) n) == n ? 0 : -errno;
}

/* Forks until the number `wanted` comes up again; that child sends. -ESRCH: another process took it. */
static int fork_until(struct gen *g, uint32_t wanted, struct actor_report *ret, unsigned *ret_forks)
{
        int pipes[2], r = -ESRCH;

        if (pipe2(pipes, O_CLOEXEC) < 0)
                return -errno;
        for (unsigned i = 1; i <= 2 * PID_MAX_SMALL; i++) {
                uint64_t before = actor_now();
                pid_t pid = fork();

                if (pid == 0) {
                        struct actor_ctx ctx = {.g = g};

                        if ((uint32_t) getpid() != wanted)
                                _exit(0);
                        ctx.report.result = actor_self(before, &ctx.report.task);
                        if (ctx.report.result == 0)
                                ctx.report.result = child_udp(&ctx);
                        _exit(actor_report_write(pipes[1], &ctx.report) < 0);
                }
                if (pid < 0) {
                        r = -errno;
                        break;
                }
                waitpid(pid, NULL, 0);
                if ((uint32_t) pid == wanted) {
                        struct actor_child c = {.report = pipes[0]};

                        *ret_forks = i;
                        r = actor_report_read(&c, ret);
                        break;
                }
        }
        close(pipes[0]);
        close(pipes[1]);
        return r;
}

/* Two processes with the same number, both gone when the sensor is asked. */
static int pid_wrap(struct gen *g)
{
        struct actor_child c;
        struct actor_report first, second;
        unsigned old = pid_max_get(), forks = 0;
        sigset_t block, before;
        int r;

        sigfillset(&block);
        sigprocmask(SIG_BLOCK, &block, &before);
        if (old > PID_MAX_SMALL && pid_max_set(PID_MAX_SMALL) < 0) {
                sigprocmask(SIG_SETMASK, &before, NULL);
                return gen_impossible(g, "kernel.pid_max cannot be lowered here");
        }
        for (int attempt = 0; attempt < 3; attempt++) {
                r = actor_spawn(g, 0, false, child_udp, NULL, &c);
                if (r < 0)
                        break;
                waitpid(c.pid, NULL, 0);
                r = actor_report_read(&c, &first);
                close(c.report);
                close(c.command);
                if (r == 0)
                        r = fork_until(g, first.task.pid, &second, &forks);
                if (r != -ESRCH)
                        break;
        }
        if (old > PID_MAX_SMALL)
                (void) pid_max_set(old);
        sigprocmask(SIG_SETMASK, &before, NULL);
        if (r < 0)
                return gen_failed(g, r, "pid wrap-around");
        expect_child(g, IPPROTO_UDP, &first, NULL, 0);
        gen_note(expect_child(g, IPPROTO_UDP, &second, NULL, 0), "pid %u again after %u forks", second.task.pid, forks);
        return 0;
}

/* Arguments of the program that a case becomes: it sends on `fd` and reports on `report`. */
struct helper_args {
        char fd[16], count[16], report[16];
        char *argv[6];
};

static void helper_args(const struct gen *g, int fd, int report, struct helper_args *ret)
{
        snprintf(ret->fd, sizeof(ret->fd), "%d", fd);
        snprintf(ret->count, sizeof(ret->count), "%u", g->count);
        snprintf(ret->report, sizeof(ret->report), "%d", report);
        ret->argv[0] = (char *) "sekimori-gen";
        ret->argv[1] = (char *) "helper-send";
        ret->argv[2] = ret->fd;
        ret->argv[3] = ret->count;
        ret->argv[4] = ret->report;
        ret->argv[5] = NULL;
}

static void *exec_thread(void *arg)
{
        const struct helper_args *args = arg;

        execv("/proc/self/exe", args->argv);
        _exit(1);
}

static int exec_in_thread_main(struct actor_ctx *ctx)
{
        static struct helper_args args;
        struct send_job job = {.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP};
        pthread_t thread;
        int r = send_open(ctx->g, &job);

        if (r < 0)
                return r;
        fcntl(job.fd, F_SETFD, 0);
        fcntl(ctx->report_fd, F_SETFD, 0);
        helper_args(ctx->g, job.fd, ctx->report_fd, &args);
        r = pthread_create(&thread, NULL, exec_thread, &args);
        if (r)
                return -r;
        for (;;)
                pause();
}

/* A second thread calls exec(): it takes over the number of the first one, which is gone. */
static int exec_in_thread(struct gen *g)
{
        struct actor_child c;
        struct actor_report report;
        int r = actor_spawn(g, 0, true, exec_in_thread_main, NULL, &c);

        if (r < 0)
                return r;
        r = actor_report_read(&c, &report);
        if (r < 0)
                return gen_failed(g, r, "exec in a thread");
        expect_child(g, IPPROTO_UDP, &report, NULL, 0);
        return 0;
}

struct spawn_job {
        struct send_job send;
        struct helper_args args;
        int report[2];
        pid_t pid;
};

static int spawn_call(struct gen *g, void *arg)
{
        struct spawn_job *job = arg;
        int r = send_open(g, &job->send);

        if (r < 0)
                return r;
        if (pipe2(job->report, 0) < 0)
                return -errno;
        fcntl(job->send.fd, F_SETFD, 0);
        fcntl(job->report[0], F_SETFD, FD_CLOEXEC);
        helper_args(g, job->send.fd, job->report[1], &job->args);
        r = posix_spawn(&job->pid, "/proc/self/exe", NULL, NULL, job->args.argv, environ);
        close(job->report[1]);
        return -r;
}

/* A thread starts another program (vfork and exec) and hands it its socket: the creator is that thread. */
static int spawn_exec(struct gen *g)
{
        static struct spawn_job job = {.send = {.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP}};
        struct actor *a;
        struct gen_expect *e;
        struct actor_report report;
        int r = actor_thread(g, &a);

        if (r == 0)
                r = actor_do(a, spawn_call, &job);
        if (r == 0)
                r = actor_report_read(&(struct actor_child){.report = job.report[0]}, &report);
        if (r < 0)
                return gen_failed(g, r, "posix_spawn");
        e = expect_child(g, IPPROTO_UDP, &report, actor_task(a), 1);
        actor_other(e, actor_task(a));
        return 0;
}

const struct gen_case gen_cases_life[] = {
        {"short-udp", "a process living under a millisecond, one datagram", short_udp},
        {"short-tcp", "a process living under a millisecond, one SYN", short_tcp},
        {"vfork-send", "a vfork() child that sends before any exec", vfork_send},
        {"double-fork", "two forks, both parents dead before it sends", double_fork},
        {"clone-parent", "CLONE_PARENT: the parent is not the creator", clone_parent},
        {"pid-wrap", "the same pid twice, with a small pid_max", pid_wrap},
        {"exec-in-thread", "exec() by a thread: its number becomes the process's", exec_in_thread},
        {"spawn-exec", "vfork and exec by a thread, the socket inherited", spawn_exec},
        {0},
};
