/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The demo: two network namespaces joined by a cable of their own, an IRC-like server in one, a simulated bot in the
 * other, and the real daemon watching. Each act is a step of one table; later sources add theirs. Nothing stays behind:
 * namespaces have no names and end with their holders, and files live in one temporary folder. */
#include "demo/demo.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "demo/demo_internal.h"

void demo_say(const struct demo *d, const char *format, ...)
{
        va_list ap;

        printf(d->params->colour ? "\033[1m%4.1f s\033[0m  " : "%4.1f s  ",
               (double) (clock_boottime() - d->started) / NSEC_PER_SEC);
        va_start(ap, format);
        vprintf(format, ap);
        va_end(ap);
        putchar('\n');
        fflush(stdout);
}

/* A process that does nothing but hold a new network namespace. */
static pid_t hold_namespace(void)
{
        int ready[2];
        pid_t parent = getpid(), pid;
        char c = 0;

        if (pipe(ready) < 0)
                return -errno;
        pid = fork();
        if (pid == 0) {
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || unshare(CLONE_NEWNET) < 0)
                        _exit(1);
                (void) !write(ready[1], "r", 1);
                close(ready[0]);
                close(ready[1]);
                for (;;)
                        pause();
        }
        close(ready[1]);
        if (pid > 0 && read(ready[0], &c, 1) != 1) {
                waitpid(pid, NULL, 0);
                pid = -EPERM;
        }
        close(ready[0]);
        return pid;
}

static int ip(pid_t ns, const char *line)
{
        char words[256];
        const char *argv[24] = {"ip"};
        int n = 1;

        snprintf(words, sizeof(words), "%s", line);
        for (char *save = NULL, *w = strtok_r(words, " ", &save); w && n < 23; w = strtok_r(NULL, " ", &save))
                argv[n++] = w;
        n = demo_child_run(ns, argv);
        if (n != 0)
                log_error("ip %s failed (%d)%s", line, n, n == 127 ? ": the package iproute2 is missing" : "");
        return n == 0 ? 0 : -EIO;
}

static int build_network(struct demo *d)
{
        char line[160];
        int r;

        d->home = hold_namespace();
        d->outside = d->home < 0 ? -1 : hold_namespace();
        if (d->home < 0 || d->outside < 0) {
                log_error("no network namespace can be made here");
                return -EPERM;
        }
        snprintf(line, sizeof(line), "link add demo0 netns %d type veth peer name demo0 netns %d", (int) d->home,
                 (int) d->outside);
        if ((r = ip(0, line)) < 0 || (r = ip(d->home, "addr add 10.77.1.1/24 dev demo0")) < 0 ||
            (r = ip(d->home, "link set demo0 up")) < 0 || (r = ip(d->outside, "addr add 10.77.1.2/24 dev demo0")) < 0 ||
            (r = ip(d->outside, "link set demo0 up")) < 0 || (r = ip(d->outside, "link set lo up")) < 0 ||
            (r = ip(d->outside, "route add local " TARGETS " dev lo")) < 0 ||
            (r = ip(d->home, "route add " TARGETS " via 10.77.1.2")) < 0)
                return r;
        demo_say(d,
                 "Two network namespaces stand: home (10.77.1.1) and outside (10.77.1.2 and " TARGETS "), joined by a "
                 "cable of their own.");
        return 0;
}

int demo_wait_daemon(struct demo *d, const char *says)
{
        nsec_t until = clock_boottime() + START;
        const char *line;

        while ((line = demo_child_line(&d->daemon, until)) != NULL)
                if (strstr(line, says)) {
                        printf("        %s\n", line);
                        return 0;
                }
        log_error("the daemon did not say \"%s\"", says);
        return -EIO;
}

static int watch(struct demo *d)
{
        char store[96], eve[96], control[96];
        const char *argv[] = {d->params->program, "run",   "--quiet", "--config", d->config, "--store", store,
                              "--control",        control, "--eve",   eve,        NULL};
        int r = demo_write_config(d);

        if (r < 0)
                return r;

        snprintf(store, sizeof(store), "%s/store", d->folder);
        snprintf(control, sizeof(control), "%s/control.sock", d->folder);
        snprintf(eve, sizeof(eve), "%s/eve/eve.json", d->folder);
        /* At home, since the daemon keeps nftables' tables in its own namespace; it sees the whole machine from
         * anywhere. */
        r = demo_child_start(&d->daemon, d->home, argv);
        if (r < 0)
                return r;
        demo_say(d, "The daemon watches this machine, the namespaces included, as it always would:");
        return demo_wait_daemon(d, " watching ");
}

/* Waits for a JSON line of that event from one of the stand-ins. */
static int wait_event(struct demo_child *c, const char *event)
{
        char want[64];
        const char *line;

        snprintf(want, sizeof(want), "\"event\":\"%s\"", event);
        while ((line = demo_child_line(c, clock_boottime() + WAIT)) != NULL) {
                char squeezed[1024];
                size_t n = 0;

                for (const char *p = line; *p && n < sizeof(squeezed) - 1; p++)
                        if (*p != ' ')
                                squeezed[n++] = *p;
                squeezed[n] = '\0';
                if (strstr(squeezed, want))
                        return 0;
        }
        log_error("the stand-in did not say \"%s\" in time", event);
        return -ETIMEDOUT;
}

/* "09:15:02  bot  process 4711 (sekimori-sim): score ..." -> 4711, for that level; else 0, also for what else on this
 * machine may be found. */
static pid_t finding(const char *line, const char *level)
{
        const char *at = strstr(line, level), *process = at ? strstr(at, "process ") : NULL;

        return process && strstr(line, " (sekimori-sim): score ") && at < process ? (pid_t) atoi(process + 8) : 0;
}

/* Prints what the daemon says until it calls a process a bot. */
static int wait_bot(struct demo *d)
{
        nsec_t until = clock_boottime() + WAIT;
        const char *line;
        pid_t bot = 0;

        while ((line = demo_child_line(&d->daemon, bot ? clock_boottime() + NSEC_PER_SEC / 2 : until)) != NULL) {
                printf("        %s\n", line);
                fflush(stdout);
                if ((bot = bot ? bot : finding(line, "bot")) != 0 && d->n_found < 8 &&
                    (d->n_found == 0 || d->found[d->n_found - 1] != bot))
                        d->found[d->n_found++] = bot;
        }
        if (bot)
                return 0;
        log_error("no process was called a bot in time");
        return -ETIMEDOUT;
}

int demo_start_bot(struct demo *d, const char *shape, const char *port)
{
        const char *bot[] = {d->sim,      "bot",   "--server", SERVER, "--shape", shape,
                             "--targets", TARGETS, "--ports",  port,   NULL};
        int r = demo_child_start(&d->bot, d->home, bot);

        if (r < 0 || (r = wait_event(&d->bot, "login")) < 0)
                return r;
        demo_say(d, "The bot (process %d, at home) has logged in to the server outside and waits for orders.",
                 (int) d->bot.pid);
        return 0;
}

int demo_order(struct demo *d, const char *text)
{
        int r;

        /* The conversation falls silent, as they do; an order is a word that nobody asked for. */
        poll(NULL, 0, 1300);
        demo_say(d, "The server gives an order: %s", text);
        r = demo_child_say(&d->server, text);
        return r < 0 ? r : wait_bot(d);
}

static int play_server(struct demo *d)
{
        const char *argv[] = {d->sim, "server", "--listen", SERVER, "--orders-from-stdin", NULL};
        int r = demo_child_start(&d->server, d->outside, argv);

        if (r < 0 || (r = wait_event(&d->server, "listening")) < 0)
                return r;
        demo_say(d, "A small IRC-like server of ours listens outside, on %s.", SERVER);
        return 0;
}

static int play_scan(struct demo *d)
{
        int r = demo_start_bot(d, "child", "445");

        if (r == 0)
                r = demo_order(d, ".scan tcp 250");
        demo_child_stop(&d->bot);
        return r;
}

static int play_forge(struct demo *d)
{
        int r = demo_start_bot(d, "raw-forge", "8000");

        if (r == 0)
                r = demo_order(d, ".forge 8");
        demo_child_stop(&d->bot);
        return r;
}

static const struct demo_step steps[] = {
        {"The stage", build_network},
        {"The watcher", watch},
        {"The controller", play_server},
        {"A bot takes an order: a child of it scans a network", play_scan},
        {"Another bot sends packets under a false address", play_forge},
        {"The mail gate is shut, and a bot is told to send mail", demo_play_mail},
        {"The bot is stopped", demo_play_block},
};

static void tell_end(struct demo *d)
{
        char store[96], pid[16];
        const char *argv[] = {d->params->program, "why", pid, "--store", store, NULL};

        snprintf(store, sizeof(store), "%s/store", d->folder);
        snprintf(pid, sizeof(pid), "%d", (int) d->found[0]);
        printf("\n== The story, as `sekimori why %s` tells it ==\n\n", pid);
        fflush(stdout);
        (void) demo_child_run(0, argv);
        printf("\nThe demo is over and has left nothing behind. To watch this machine: sekimori run\n");
}

static int remove_one(const char *path, const struct stat *st _unused_, int type _unused_, struct FTW *ftw _unused_)
{
        return remove(path);
}

static void clean_up(struct demo *d)
{
        demo_child_stop(&d->bot);
        demo_child_stop(&d->server);
        demo_child_stop(&d->daemon);
        demo_remove_gate(d);
        for (int i = 0; i < 2; i++) {
                pid_t holder = i ? d->outside : d->home;

                if (holder > 0) {
                        kill(holder, SIGKILL);
                        waitpid(holder, NULL, 0);
                }
        }
        if (d->folder[0])
                nftw(d->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Beside the program, where a build or an installation puts it. */
static int find_sim(struct demo *d)
{
        static const char *const places[] = {"%s/sekimori-sim", "%s/src/demo/sekimori-sim",
                                             "%s/../libexec/sekimori/sekimori-sim", "%s/../lib/sekimori/sekimori-sim"};
        char base[400];
        char *slash;

        if (d->params->sim) {
                snprintf(d->sim, sizeof(d->sim), "%s", d->params->sim);
                return access(d->sim, X_OK) == 0 ? 0 : -errno;
        }
        snprintf(base, sizeof(base), "%s", d->params->program);
        slash = strrchr(base, '/');
        if (slash)
                *slash = '\0';
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                snprintf(d->sim, sizeof(d->sim), places[i], base);
#pragma GCC diagnostic pop
                if (access(d->sim, X_OK) == 0)
                        return 0;
        }
        return -ENOENT;
}

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
        interrupted = number;
}

int demo_run(const struct demo_params *params)
{
        struct demo d = {.params = params, .daemon = DEMO_CHILD, .server = DEMO_CHILD, .bot = DEMO_CHILD};
        struct sigaction sa = {.sa_handler = on_signal};
        int r = 0;

        if (geteuid() != 0) {
                log_error(
                        "the demo needs root, for its network namespaces and the kernel's events: sudo sekimori demo");
                return 3;
        }
        if (find_sim(&d) < 0) {
                log_error("the simulated bot (sekimori-sim) is not beside %s", params->program);
                return 3;
        }
        snprintf(d.folder, sizeof(d.folder), "/tmp/sekimori-demo-XXXXXX");
        if (!mkdtemp(d.folder) || chmod(d.folder, 0755) < 0) {
                log_error("no temporary folder: %s", strerror(errno));
                return 3;
        }
        (void) sigaction(SIGINT, &sa, NULL); /* no restart: a wait ends, and the cleaning is done */
        (void) sigaction(SIGTERM, &sa, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        d.started = clock_boottime();
        for (size_t i = 0; i < ELEMENTSOF(steps) && r == 0 && !interrupted; i++) {
                printf("\n== %zu. %s ==\n", i + 1, steps[i].title);
                fflush(stdout);
                r = steps[i].play(&d);
        }
        demo_child_stop(&d.daemon); /* its last words are stored */
        if (d.n_found && !interrupted)
                tell_end(&d);
        clean_up(&d);
        if (interrupted)
                return 130;
        return r == 0 && d.n_found ? 0 : d.n_found ? 1 : 3;
}
