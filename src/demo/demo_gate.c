/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The demo's acts with the mail gate and with `block`. Gate and block are the real ones, but hold for a control group
 * of the demo's own, into which only its bots go, and for its own network namespace. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "demo/demo_internal.h"
#include "source/host_load.h"

int demo_write_config(struct demo *d)
{
        char root[256];
        FILE *f;

        if (host_find_cgroup2(root, sizeof(root)) == 0) {
                snprintf(d->cgroup, sizeof(d->cgroup), "%s/sekimori-demo-%d", root, (int) getpid());
                if (mkdir(d->cgroup, 0755) < 0)
                        d->cgroup[0] = '\0';
        }
        snprintf(d->config, sizeof(d->config), "%s/demo.yaml", d->folder);
        f = fopen(d->config, "we");
        if (!f)
                return -errno;
        fprintf(f, "gate: {folder: %s/gate, state: %s/gate-state, cgroup: %s}\n", d->folder, d->folder,
                d->cgroup[0] ? d->cgroup : "none");
        return fclose(f) == 0 ? 0 : -errno;
}

static int run_own(const struct demo *d, const char *command, const char *verb, const char *operand)
{
        char store[96];
        const char *argv[] = {
                d->params->program, command, "--config", d->config, "--store", store, verb, operand, NULL};

        snprintf(store, sizeof(store), "%s/store", d->folder);
        if (!verb)
                argv[6] = operand, argv[7] = NULL;
        fflush(stdout);
        return demo_child_run(d->home, argv);
}

static int enter_cgroup(const struct demo *d, pid_t pid)
{
        char path[400], text[16];
        int fd, n = snprintf(text, sizeof(text), "%d", (int) pid), r = 0;

        snprintf(path, sizeof(path), "%s/cgroup.procs", d->cgroup);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, text, (size_t) n) != n)
                r = -errno;
        if (fd >= 0)
                close(fd);
        return r;
}

int demo_play_mail(struct demo *d)
{
        int r;

        if (!d->cgroup[0]) {
                demo_say(d, "Left out: this machine has no cgroup v2 that can be written.");
                return 0;
        }
        d->gated = true;
        demo_say(d, "sekimori gate shut (for the demo's bots only):");
        if (run_own(d, "gate", "shut", NULL) != 0)
                return -EIO;
        demo_say(d, "The daemon takes that gate in place of its own, which only learned:");
        r = demo_wait_daemon(d, "mail gate: shut");
        if (r == 0)
                r = demo_start_bot(d, "child", "25");
        if (r == 0)
                r = enter_cgroup(d, d->bot.pid);
        return r < 0 ? r : demo_order(d, ".scan tcp 20");
}

int demo_play_block(struct demo *d)
{
        char pid[16];
        nsec_t until;

        if (!d->cgroup[0] || d->bot.pid <= 0)
                return 0;
        snprintf(pid, sizeof(pid), "%d", (int) d->bot.pid);
        demo_say(d, "sekimori block %s:", pid);
        if (run_own(d, "block", NULL, pid) != 0)
                return -EIO;
        demo_say(d, "The server gives orders again; what the bot and its children try is refused:");
        (void) demo_child_say(&d->server, ".udpflood 200");
        (void) demo_child_say(&d->server, ".scan tcp 100");
        until = clock_boottime() + NSEC_PER_SEC;
        while (demo_child_line(&d->bot, until))
                ;
        (void) run_own(d, "unblock", NULL, NULL);
        return 0;
}

void demo_remove_gate(struct demo *d)
{
        if (d->gated) {
                (void) run_own(d, "unblock", NULL, "all");
                (void) run_own(d, "gate", "remove", NULL);
        }
        if (d->cgroup[0])
                (void) rmdir(d->cgroup);
}
