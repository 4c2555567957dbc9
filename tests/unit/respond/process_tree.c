/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real processes for tests. See process_tree.h. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "process_tree.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define LIMIT (10 * NSEC_PER_SEC)

static bool read_stat(pid_t pid, char *ret_state, uint64_t *ret_start)
{
        _cleanup_fclose_ FILE *f = NULL;
        char path[64], text[1024], *p;
        unsigned long long ticks;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        f = fopen(path, "re");
        if (!f || !fgets(text, sizeof(text), f))
                return false;
        p = strrchr(text, ')');
        if (!p || sscanf(p, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                         ret_state, &ticks) != 2)
                return false;
        *ret_start = ticks * (uint64_t) (NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
        return true;
}

uint64_t process_tree_start_of(pid_t pid)
{
        uint64_t start;
        char state;

        return read_stat(pid, &state, &start) ? start : 0;
}

char process_tree_state(pid_t pid)
{
        uint64_t start;
        char state;

        return read_stat(pid, &state, &start) ? state : 0;
}

static _Noreturn void count(struct process_tree *t, enum who who)
{
        struct process_shared *s = t->shared;

        s->start[who] = process_tree_start_of(getpid());
        s->pid[who] = getpid();
        for (;;) {
                s->count[who]++;
                if (poll(&(struct pollfd){.fd = t->alive[0], .events = POLLIN}, 1, 1) > 0)
                        _exit(0);
        }
}

static void start_counting(struct process_tree *t, enum who who)
{
        if (fork() == 0)
                count(t, who);
}

static void *fork_in_thread(void *userdata)
{
        start_counting(userdata, WHO_OF_THREAD);
        return NULL;
}

static _Noreturn void be_subject(struct process_tree *t)
{
        pthread_t thread;
        pid_t pid;

        (void) setsid();
        if (fork() == 0) {
                start_counting(t, WHO_GRANDCHILD);
                count(t, WHO_CHILD);
        }
        pid = fork();
        if (pid == 0) {
                start_counting(t, WHO_ORPHAN);
                _exit(0);
        }
        (void) waitpid(pid, NULL, 0);
        pid = fork();
        if (pid == 0) {
                t->shared->middle = getpid();
                t->shared->middle_start = process_tree_start_of(getpid());
                (void) setsid();
                start_counting(t, WHO_ESCAPED);
                _exit(0);
        }
        (void) waitpid(pid, NULL, 0);
        if (pthread_create(&thread, NULL, fork_in_thread, t) == 0)
                (void) pthread_join(thread, NULL);
        count(t, WHO_SUBJECT);
}

void process_tree_start(struct process_tree *t)
{
        pid_t pid;

        t->shared = mmap(NULL, sizeof(*t->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(t->shared, MAP_FAILED);
        assert_int_equal(pipe2(t->alive, O_CLOEXEC), 0);
        assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
        for (int i = 0; i < 2; i++) {
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        close(t->alive[1]);
                        if (i == 0)
                                count(t, WHO_INNOCENT);
                        be_subject(t);
                }
        }
        for (int i = 0; i < WHO_MAX; i++)
                assert_true(process_tree_runs(t, (enum who) i, 2));
}

void process_tree_end(struct process_tree *t)
{
        close(t->alive[1]);
        for (int i = 0; i < WHO_MAX; i++)
                if (t->shared->pid[i])
                        (void) kill(t->shared->pid[i], SIGKILL);
        /* We are the reaper of them all: until there are no children left. */
        while (waitpid(-1, NULL, 0) > 0) {
        }
        close(t->alive[0]);
        munmap(t->shared, sizeof(*t->shared));
}

bool process_tree_runs(const struct process_tree *t, enum who who, unsigned n)
{
        uint64_t from = t->shared->count[who];
        nsec_t end = clock_boottime() + LIMIT;

        while (t->shared->count[who] < from + n) {
                if (clock_boottime() > end)
                        return false;
                (void) poll(NULL, 0, 1);
        }
        return true;
}

bool process_tree_stands(const struct process_tree *t, enum who who)
{
        uint64_t from = t->shared->count[who];

        return process_tree_runs(t, WHO_INNOCENT, 10) && t->shared->count[who] == from;
}

static void fork_on(struct process_tree *t, unsigned n)
{
        while (t->shared->forks < n) {
                pid_t pid = fork();

                if (pid == 0 && __atomic_fetch_add(&t->shared->forks, 1, __ATOMIC_RELAXED) % 3 == 0)
                        _exit(0);
                if (poll(&(struct pollfd){.fd = t->alive[0], .events = POLLIN}, 1, pid > 0) > 0)
                        _exit(0);
                while (waitpid(-1, NULL, WNOHANG) > 0) {
                }
        }
        for (;;)
                if (poll(&(struct pollfd){.fd = t->alive[0], .events = POLLIN}, 1, -1) > 0)
                        _exit(0);
}

pid_t process_tree_start_bomb(struct process_tree *t, unsigned n)
{
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                close(t->alive[1]);
                fork_on(t, n);
        }
        return pid;
}
