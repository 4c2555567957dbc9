/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See postman_child.h. Runs in the warden. While there is no postman mails lie in their folders; none is lost. */
#include "daemon/postman_child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/log.h"
#include "daemon/msg.h"
#include "daemon/postman.h"

static int fork_one(struct postman_child *k, const struct daemon_params *params, const int pair[2], pid_t warden)
{
        struct postman_params p = {.daemon = params, .engine_fd = pair[1], .warden = warden, .reread = k->reread};
        pid_t pid;

        fflush(NULL);
        pid = fork();
        if (pid < 0)
                return -errno;
        /* The warden's signals stay blocked: they wait until it reads them. */
        if (pid == 0)
                _exit(postman_main(&p));
        child_started(&k->child, pid);
        return 0;
}

void postman_child_start(struct postman_child *k, const struct daemon_params *params, int engine_fd)
{
        const struct msg m = {.verb = MSG_POSTMAN};
        struct source_fds fds = {.n = 1};
        int pair[2], r = 0;

        if (k->child.pid > 0 || params->scan || (!k->reread && params->config->mail.maildir.n == 0))
                return;
        k->asked = false;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                r = -errno;
        else {
                fds.fd[0] = pair[0];
                r = msg_send(engine_fd, &m, &fds);
                if (r == 0)
                        r = fork_one(k, params, pair, getpid());
                close(pair[0]);
                close(pair[1]);
        }
        if (r == 0)
                return;
        child_later(&k->child);
        log_error("cannot start the postman: %s", strerror(-r));
}

void postman_child_reap(struct postman_child *k)
{
        char end[CHILD_END_MAX];
        int status, code;

        if (!child_reap(&k->child, &status))
                return;
        code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (code == POSTMAN_NOTHING && !k->asked)
                return;
        if (code == POSTMAN_REREAD || code == POSTMAN_NOTHING) {
                k->reread = true;
                k->child.restart_at = clock_boottime();
                return;
        }
        child_later(&k->child);
        if (code != 0 && code != POSTMAN_ENGINE && code != POSTMAN_RENEW)
                log_error("the postman %s; mails wait in their folders; starting it again in %lld ms",
                          child_end(status, end), (long long) (k->child.backoff / NSEC_PER_MSEC));
}

void postman_child_reload(struct postman_child *k)
{
        if (k->child.pid > 0) {
                k->asked = true;
                (void) kill(k->child.pid, SIGHUP);
                return;
        }
        /* Perhaps there is something to do for one now. */
        k->reread = true;
        k->child.restart_at = clock_boottime();
}
