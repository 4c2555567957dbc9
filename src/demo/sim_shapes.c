/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process shapes of the simulated bot: who carries an order out, as seen from whoever took it. Runs in the bot and
 * in the children it makes here; shapes that execute a program or pass descriptors are in sim_shapes_exec.c and
 * sim_shapes_fd.c. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo/sim.h"

/* What a bot waits between its parent's death and its first packet; a human watching `ps` would see nothing. */
#define ORPHAN_WAIT_MS 150

/* In a child: the order, then the end. */
static _Noreturn void work_and_exit(struct sim_job *job)
{
        sim_work_all(job);
        _exit(0);
}

static int start_child(struct sim_job *job)
{
        pid_t pid = fork();

        if (pid == 0)
                work_and_exit(job);
        return pid < 0 ? -errno : 0;
}

static int start_clone_parent(struct sim_job *job)
{
        long pid = syscall(__NR_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);

        if (pid == 0)
                work_and_exit(job);
        return pid < 0 ? -errno : 0;
}

static void *thread_main(void *userdata)
{
        _cleanup_free_ struct sim_job *job = userdata;

        sim_work_all(job);
        return NULL;
}

static int start_thread(struct sim_job *job)
{
        struct sim_job *own = malloc(sizeof(*own));
        pthread_attr_t attr;
        pthread_t thread;
        int r;

        if (!own)
                return -ENOMEM;
        *own = *job;
        r = pthread_attr_init(&attr);
        if (r == 0) {
                (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
                r = pthread_create(&thread, &attr, thread_main, own);
                (void) pthread_attr_destroy(&attr);
        }
        if (r != 0) {
                free(own);
                return -r;
        }
        job->result_fd = -EBADF; /* the thread's now */
        return 0;
}

static void wait_for_exit(pid_t pid)
{
        _cleanup_close_ int fd = (int) syscall(__NR_pidfd_open, pid, 0);
        struct pollfd p = {.fd = fd, .events = POLLIN};

        /* Without a descriptor it is gone already. */
        while (fd >= 0 && poll(&p, 1, -1) < 0 && errno == EINTR)
                ;
}

static int start_double_fork(struct sim_job *job)
{
        pid_t middle = fork();

        if (middle < 0)
                return -errno;
        if (middle == 0) {
                pid_t own = getpid(), pid = fork();

                if (pid == 0) {
                        wait_for_exit(own);
                        work_and_exit(job);
                }
                if (pid > 0)
                        sim_say("forked", "\"child\":%d", pid);
                _exit(pid < 0 ? 1 : 0);
        }
        /* The bot's children are reaped by the kernel: this waits for the end and says ECHILD. */
        (void) waitpid(middle, NULL, 0);
        return 0;
}

static void wait_ms(int ms)
{
        _cleanup_close_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        struct itimerspec at = {.it_value = {.tv_nsec = ms * 1000000L}};
        uint64_t ticks;

        if (fd < 0 || timerfd_settime(fd, 0, &at, NULL) < 0)
                return;
        while (read(fd, &ticks, sizeof(ticks)) < 0 && errno == EINTR)
                ;
}

/* The bot hands over and ends; the child works as an orphan and reports by itself (see sim_bot.c). */
static int start_parent_exits(struct sim_job *job)
{
        pid_t own = getpid(), pid = fork();

        if (pid < 0)
                return -errno;
        if (pid > 0) {
                sim_say("handed_over", "\"child\":%d", pid);
                _exit(0);
        }
        sim_safety_inherit_clock();
        wait_for_exit(own);
        wait_ms(ORPHAN_WAIT_MS);
        sim_work_all(job);
        return 0;
}

int sim_shape_start(struct sim_job *job)
{
        int r = 0;

        switch (job->shape) {
        case SIM_SHAPE_THREAD:
                r = start_thread(job);
                break;
        case SIM_SHAPE_DOUBLE_FORK:
                r = start_double_fork(job);
                break;
        case SIM_SHAPE_PARENT_EXITS:
                r = start_parent_exits(job);
                break;
        case SIM_SHAPE_CLONE_PARENT:
                r = start_clone_parent(job);
                break;
        case SIM_SHAPE_SHELL:
                r = sim_shape_exec_shell(job);
                break;
        case SIM_SHAPE_SELF_EXEC:
                r = sim_shape_exec_self(job);
                break;
        case SIM_SHAPE_INHERITED:
                r = sim_shape_inherited(job);
                break;
        case SIM_SHAPE_FD_PASSING:
                r = sim_shape_fd_passing(job);
                break;
        case SIM_SHAPE_SINGLE:
                sim_work_all(job);
                break;
        default:
                r = start_child(job);
                break;
        }
        closep(&job->result_fd);
        job->result_fd = -EBADF;
        return r;
}
