/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See child.h. Runs in the warden. */
#include "daemon/child.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"

#define RESTART_FIRST (100 * NSEC_PER_MSEC)
#define RESTART_MOST  (10 * NSEC_PER_SEC)
#define RUN_LONG      (60 * NSEC_PER_SEC)
#define STOP_WAIT     (3 * NSEC_PER_SEC)

void child_started(struct child *c, pid_t pid)
{
        c->pid = pid;
        c->started = clock_boottime();
        c->restart_at = 0;
}

bool child_reap(struct child *c, int *ret_status)
{
        /* Only this one: others, and sources, have children of their own to wait for. */
        if (c->pid <= 0 || waitpid(c->pid, ret_status, WNOHANG) != c->pid)
                return false;
        c->pid = 0;
        if (clock_boottime() - c->started > RUN_LONG)
                c->backoff = 0;
        return true;
}

void child_later(struct child *c)
{
        c->backoff = c->backoff ? MIN(c->backoff * 2, RESTART_MOST) : RESTART_FIRST;
        c->restart_at = clock_boottime() + c->backoff;
}

const char *child_end(int status, char text[static CHILD_END_MAX])
{
        if (WIFSIGNALED(status))
                snprintf(text, CHILD_END_MAX, "was ended by signal %d (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
        else
                snprintf(text, CHILD_END_MAX, "ended with status %d", WEXITSTATUS(status));
        return text;
}

void child_stop(struct child *c)
{
        nsec_t until = clock_boottime() + STOP_WAIT;
        const struct timespec pause = {.tv_nsec = 5 * NSEC_PER_MSEC};

        c->restart_at = 0;
        if (c->pid <= 0)
                return;
        (void) kill(c->pid, SIGTERM);
        while (waitpid(c->pid, NULL, WNOHANG) == 0) {
                if (clock_boottime() > until)
                        (void) kill(c->pid, SIGKILL);
                (void) nanosleep(&pause, NULL);
        }
        c->pid = 0;
}
