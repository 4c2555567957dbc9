/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See keeper_child.h. Runs in the warden. While there is no keeper nothing new is permitted; what is declared goes on.
 */
#include "daemon/keeper_child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/keeper.h"

void keeper_child_init(struct keeper_child *k, const char *config_path)
{
        k->config_path = config_path;
        k->config_hash = keeper_config_hash(config_path);
}

void keeper_child_start(struct keeper_child *k, const struct config *config, struct gate *gate)
{
        struct keeper_params p = {.config = config,
                                  .config_path = k->config_path,
                                  .config_hash = k->config_hash,
                                  .reread = k->reread,
                                  .gate = gate,
                                  .warden = getpid()};
        sigset_t none;
        pid_t pid = fork();

        if (pid < 0) {
                log_error("cannot start the gate's keeper: %s", strerror(errno));
                child_later(&k->child);
                return;
        }
        if (pid == 0) {
                sigemptyset(&none);
                (void) sigprocmask(SIG_SETMASK, &none, NULL);
                _exit(keeper_main(&p));
        }
        child_started(&k->child, pid);
}

enum keeper_end keeper_child_reap(struct keeper_child *k)
{
        char end[CHILD_END_MAX];
        int status;

        if (!child_reap(&k->child, &status))
                return KEEPER_RUNS;
        if (WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_RENEW) {
                k->child.backoff = 0;
                return KEEPER_CHANGED;
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_REREAD) {
                k->reread = true;
                k->config_hash = keeper_config_hash(k->config_path);
                k->child.restart_at = clock_boottime();
                return KEEPER_ENDED;
        }
        child_later(&k->child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) /* else it was told to, as by a signal to all of us */
                log_error("the gate's keeper %s; nothing new is permitted until it runs again, in %lld ms",
                          child_end(status, end), (long long) (k->child.backoff / NSEC_PER_MSEC));
        return KEEPER_ENDED;
}

void keeper_child_reload(const struct keeper_child *k)
{
        if (k->child.pid > 0)
                (void) kill(k->child.pid, SIGHUP);
}
