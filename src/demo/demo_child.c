/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting, hearing and ending the programs of the demo. Runs in the demo's own process. */
#include "demo/demo_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/cleanup.h"

/* In the forked child: into the namespace, and the program. */
static void become(pid_t ns, const char *const *argv, pid_t parent)
{
        char path[64];
        sigset_t none;

        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
                _exit(126);
        if (ns > 0) {
                int fd;

                snprintf(path, sizeof(path), "/proc/%d/ns/net", (int) ns);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
                        _exit(126);
        }
        execvp(argv[0], (char *const *) (void *) argv);
        _exit(127);
}

int demo_child_start(struct demo_child *c, pid_t ns, const char *const *argv)
{
        int in[2], out[2];
        pid_t parent = getpid();

        *c = DEMO_CHILD;
        if (pipe2(in, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(out, O_CLOEXEC) < 0) {
                int e = -errno;

                close(in[0]);
                close(in[1]);
                return e;
        }
        c->pid = fork();
        if (c->pid == 0) {
                dup2(in[0], STDIN_FILENO);
                dup2(out[1], STDOUT_FILENO);
                become(ns, argv, parent);
        }
        close(in[0]);
        close(out[1]);
        if (c->pid < 0) {
                c->pid = 0;
                close(in[1]);
                close(out[0]);
                return -EAGAIN;
        }
        c->in = in[1];
        c->out = out[0];
        return 0;
}

int demo_child_run(pid_t ns, const char *const *argv)
{
        pid_t parent = getpid(), pid = fork();
        int status;

        if (pid < 0)
                return -errno;
        if (pid == 0)
                become(ns, argv, parent);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

/* Takes the first whole line out of what was read. */
static const char *take_line(struct demo_child *c, char room[static sizeof(c->rest)])
{
        char *end = memchr(c->rest, '\n', c->n_rest);
        size_t n = end ? (size_t) (end - c->rest) : c->n_rest;

        if (!end && c->n_rest < sizeof(c->rest) - 1)
                return NULL;
        memcpy(room, c->rest, n);
        room[n] = '\0';
        n += end != NULL;
        memmove(c->rest, c->rest + n, c->n_rest - n);
        c->n_rest -= n;
        return room;
}

const char *demo_child_line(struct demo_child *c, nsec_t until)
{
        static char room[sizeof(c->rest)];

        for (;;) {
                const char *line = take_line(c, room);
                struct pollfd p = {.fd = c->out, .events = POLLIN};
                nsec_t left = until - clock_boottime();
                ssize_t n;

                if (line)
                        return line;
                if (c->out < 0 || poll(&p, 1, left <= 0 ? 0 : (int) (left / NSEC_PER_MSEC) + 1) <= 0)
                        return NULL;
                n = read(c->out, c->rest + c->n_rest, sizeof(c->rest) - 1 - c->n_rest);
                if (n > 0) {
                        c->n_rest += (size_t) n;
                } else {
                        close(c->out);
                        c->out = -1;
                }
        }
}

int demo_child_say(struct demo_child *c, const char *line)
{
        return dprintf(c->in, "%s\n", line) < 0 ? -errno : 0;
}

void demo_child_stop(struct demo_child *c)
{
        nsec_t until = clock_boottime() + 2 * NSEC_PER_SEC;

        closep(&c->in);
        c->in = -1;
        if (c->pid > 0) {
                kill(c->pid, SIGTERM);
                while (waitpid(c->pid, NULL, WNOHANG) == 0) {
                        if (clock_boottime() > until)
                                kill(c->pid, SIGKILL);
                        poll(NULL, 0, 10);
                }
        }
        closep(&c->out);
        *c = DEMO_CHILD;
}
