/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's life: gives up its rights, reads the source, keeps the time, ends in order. Everything hostile is parsed
 * in this process, which may open no socket, run no program and see no file but its own. */
#include "daemon/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "daemon/engine_internal.h"
#include "daemon/sandbox.h"
#include "respond/alarm.h"
#include "rules/load.h"
#include "view/json.h"

#define DRAIN_PAUSE  (10 * NSEC_PER_MSEC) /* between two looks into the source: at most 100 wake-ups a second */
#define DRAIN_BUDGET 20000                /* events per look, so that other work gets its turn */
#define LIVE_TTY     NSEC_PER_SEC
#define LIVE_PLAIN   (10 * NSEC_PER_SEC)
#define RETAIN_EVERY (60 * NSEC_PER_SEC)
#define LATENESS     (50 * NSEC_PER_MSEC)  /* a record may reach its ring this long after it happened */
#define CLOCK_STEP   (500 * NSEC_PER_MSEC) /* a wall clock set further than this is told */

static void read_boot_id(uint8_t id[static 16])
{
        char text[40] = "";
        _cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
        int at = 0;

        memset(id, 0, 16);
        for (ssize_t i = 0; i < n && at < 32; i++) {
                int c = text[i], v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

                if (v < 0)
                        continue;
                id[at / 2] |= (uint8_t) (v << (at % 2 ? 0 : 4));
                at++;
        }
}

static int start_analysis(struct engine *e)
{
        struct analysis_params p = {.config = e->config, .sink = {engine_on_claim, e}};
        int r;

        memcpy(p.boot_id, e->boot_id, 16);
        r = analysis_new(&p, &e->analysis);
        if (r == 0)
                r = talkers_new(e->config, &e->talkers);
        if (r == 0)
                r = engine_gate_new(e);
        return r < 0 ? r : engine_mail_new(e);
}

/* The folder of a path, for the sandbox; NULL for none. */
static const char *folder_of(const char *file, char *room, size_t size)
{
        char *slash;

        if (!file || snprintf(room, size, "%s", file) >= (int) size)
                return NULL;
        slash = strrchr(room, '/');
        if (!slash)
                return ".";
        *(slash == room ? slash + 1 : slash) = '\0';
        return room;
}

static int close_sandbox(struct engine *e)
{
        char eve[512], config[512];
        struct config_paths rules = {0};
        struct buf note = BUF_FIXED(e->note);
        struct sandbox_engine_params p = {
                .store_dir = e->daemon->memory_store ? NULL : e->daemon->config->store.path,
                .eve_dir = folder_of(e->config->eve.path, eve, sizeof(eve)),
                .config_path_dir = folder_of(e->daemon->config_path ? e->daemon->config_path : CONFIG_PATH_DEFAULT,
                                             config, sizeof(config)),
                /* host_proc maps its ring and closes the descriptor: there is none to send on */
                .capture_fds = e->params->fds[SLOT_PACKETS].fd,
                .n_capture_fds = e->params->sources[SLOT_PACKETS] ? (unsigned) e->params->fds[SLOT_PACKETS].n : 0,
        };
        int r;

        if (p.config_path_dir && access(p.config_path_dir, R_OK) < 0)
                p.config_path_dir = NULL;
        if (rules_load_folders(e->config, &rules) == 0) { /* else: they are not read again */
                p.read_dirs = rules.items;
                p.n_read_dirs = rules.n;
        }
        r = sandbox_engine(&p, &note);
        rules_load_folders_done(&rules);
        if (r < 0)
                log_error("the sandbox cannot be closed: %s", strerror(-r));
        return r;
}

static int compare_fds(const void *a, const void *b)
{
        return *(const int *) a - *(const int *) b;
}

/* The fork gave this process all that the warden has open: the programs, maps and links of the kernel half above all.
 * What was not meant for it goes, before any outside byte is read. */
static int keep_only_given(const struct engine_params *p)
{
        int keep[SLOTS * SOURCE_FDS_MAX + 2] = {p->warden_fd, p->control_fd}, n = 2, from = STDERR_FILENO + 1;
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        /* Nor what is typed on the terminal. */
        if (null < 0 || dup2(null, STDIN_FILENO) < 0)
                return -errno;
        for (unsigned s = 0; s < SLOTS; s++)
                for (int i = 0; i < MIN(p->fds[s].n, SOURCE_FDS_MAX); i++)
                        keep[n++] = p->fds[s].fd[i];
        qsort(keep, (size_t) n, sizeof(keep[0]), compare_fds);
        for (int i = 0; i < n; i++) {
                if (keep[i] < from)
                        continue;
                if (keep[i] > from && syscall(SYS_close_range, from, keep[i] - 1, 0) < 0)
                        return -errno;
                from = keep[i] + 1;
        }
        null = -EBADF; /* closed with the others */
        return syscall(SYS_close_range, from, ~0u, 0) < 0 ? -errno : 0;
}

/* Readable when somebody sets the wall clock. Without it that is seen half a second later. */
static int watch_clock(void)
{
        const struct itimerspec never = {.it_value = {.tv_sec = (time_t) 1 << 33}};
        int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

        if (fd >= 0)
                (void) timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
        return fd;
}

/* Everything that needs a right, in the order in which rights go. */
static int give_up_rights(struct engine *e)
{
        int r = keep_only_given(e->params);

        if (r < 0) {
                engine_log(e, LOG_LEVEL_ERROR, "cannot close the warden's descriptors: %s", strerror(-r));
                return r;
        }
        e->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC); /* out of sight in the sandbox */
        e->clock_fd = watch_clock();
        (void) alarm_open(NULL, &e->journal_fd); /* no journal: counted at each alarm */
        r = sandbox_drop_user(e->daemon->config->daemon.user, NULL);
        if (r < 0) {
                engine_log(e, LOG_LEVEL_ERROR, "cannot become the user %s: %s", e->daemon->config->daemon.user,
                           strerror(-r));
                return r;
        }
        return sandbox_die_with_parent(e->params->warden);
}

static int set_up(struct engine *e)
{
        struct config *none = NULL;
        int r = give_up_rights(e);

        if (r < 0)
                return r;
        read_boot_id(e->boot_id);
        if (e->params->reload)
                (void) engine_config_load(e, &none);
        if ((r = engine_store_open(e)) < 0)
                return r;
        r = engine_eve_open(e);
        if (r < 0) {
                engine_log(e, LOG_LEVEL_ERROR, "cannot write %s: %s; check the owner and mode of its folder",
                           e->config->eve.path, strerror(-r));
                return r;
        }
        if ((r = start_analysis(e)) < 0)
                return r;
        engine_source_note(e);
        engine_rules_start(e);
        if ((r = close_sandbox(e)) < 0)
                return r;
        /* Only now: what was stored may have been written by anybody. */
        engine_store_resume(e);
        return engine_source_start(e);
}

static void say_ready(struct engine *e)
{
        struct msg m = {.verb = MSG_READY};
        struct table_stats s;
        char suspect[SCORE_TEXT_MAX], bot[SCORE_TEXT_MAX], text[SLOTS * MSG_TEXT_MAX + ENGINE_NOTE_MAX] = "";
        struct buf note = BUF_FIXED(text);

        lineage_get_stats(analysis_lineage(e->analysis), &s);
        snprintf(m.text, sizeof(m.text), "watching %u tasks", s.used);
        (void) msg_send(e->params->warden_fd, &m, NULL);
        if (e->daemon->scan)
                return;
        engine_print(e, "sekimori %s watching %u tasks and their traffic (suspect from %s, bot from %s)\n",
                     SEKIMORI_VERSION, s.used, score_format(e->config->verdict.suspect, suspect),
                     score_format(e->config->verdict.bot, bot));
        engine_source_put_note(e, &note);
        for (char *line = text, *end; *line; line = end) {
                end = strchrnul(line, '\n');
                engine_print(e, "  %.*s\n", (int) (end - line), line);
                end += *end == '\n';
        }
        if (e->daemon->unprivileged)
                engine_print(e, "  without root: only your own processes are attributed; run as root to see all\n");
}

static void read_warden(struct engine *e)
{
        for (;;) {
                struct source_fds fds = {.n = 0};
                struct msg m;
                int r = msg_receive(e->params->warden_fd, &m, &fds);

                if (r == -EBADMSG) {
                        e->counts.bad_messages++;
                        continue;
                }
                if (r <= 0) {
                        e->stopping |= r < 0;
                        return;
                }
                if (m.verb == MSG_STOP)
                        e->stopping = true;
                else if (m.verb == MSG_RELOAD)
                        engine_config_reload(e);
                else if (m.verb == MSG_ANSWER)
                        engine_source_answer(e, &m, &fds);
                else if (m.verb == MSG_SOURCE)
                        engine_source_renew(e, &m, &fds);
                else if (m.verb == MSG_POSTMAN)
                        engine_mail_take(e, &fds);
                else if (m.verb == MSG_PING)
                        (void) msg_send(e->params->warden_fd, &(struct msg){.verb = MSG_PONG}, NULL);
                else
                        e->counts.bad_messages++;
                source_fds_close(&fds);
        }
}

/* The wall clock was set: no timer moves, times on the way out follow, and it is told. */
static void check_clock(struct engine *e)
{
        nsec_t skew = clock_skew(), step = skew - e->skew_told;
        nsec_t size = (step < 0 ? -step : step) / NSEC_PER_MSEC;
        char text[96];

        if (step < CLOCK_STEP && step > -CLOCK_STEP)
                return;
        e->skew_told = skew;
        snprintf(text, sizeof(text), "ms %s; times from here on follow it, and nothing else changes",
                 step < 0 ? "back" : "forward");
        engine_gap(e, GAP_CLOCK, (uint64_t) size, text);
}

static void on_clock(struct engine *e)
{
        uint64_t expirations;

        if (read(e->clock_fd, &expirations, sizeof(expirations)) < 0 && errno == ECANCELED)
                check_clock(e);
}

static void every_second(struct engine *e, nsec_t now)
{
        check_clock(e);
        engine_rules_tick(e);
        engine_gate_tick(e, now);
        engine_store_commit(e);
        engine_eve_flush(e);
        engine_expire_clients(e, now);
        if (now >= e->next_retain) {
                e->next_retain = now + RETAIN_EVERY;
                /* By the clock that is behind: one set forward must not make all that is stored too old. */
                (void) store_retain(e->keeper.store, MIN(clock_realtime(), now + clock_engine_offset()));
        }
        if (now >= e->next_live) {
                e->next_live = now + (e->tty ? LIVE_TTY : LIVE_PLAIN);
                engine_live_line(e);
        }
}

static void drain(struct engine *e, nsec_t now)
{
        if (now - e->drained < DRAIN_PAUSE)
                return;
        e->drained = now;
        for (unsigned i = 0; i < SLOTS; i++) {
                const struct engine_slot *s = &e->slots[i];

                if (!s->state)
                        continue;
                /* A full budget means there is more: look again at once. */
                if (s->source->dispatch(s->state, DRAIN_BUDGET) >= DRAIN_BUDGET)
                        e->drained = 0;
                if (s->source->tick)
                        (void) s->source->tick(s->state, now);
        }
        /* Not beyond what the next look may still bring. */
        analysis_advance(e->analysis, now - LATENESS + clock_engine_offset());
}

static int wait_for_work(struct engine *e, nsec_t now)
{
        struct pollfd p[4 + SLOTS + ENGINE_CLIENTS], *clients = p + 4 + SLOTS;
        bool rested = now - e->drained >= DRAIN_PAUSE;
        nsec_t until = e->next_second;
        int n;

        /* Not yet time to look again: sleep the pause out, however much there is to read. */
        if (!rested)
                until = MIN(until, e->drained + DRAIN_PAUSE);
        p[0] = (struct pollfd){.fd = e->params->warden_fd, .events = POLLIN};
        p[1] = (struct pollfd){.fd = e->params->control_fd, .events = POLLIN};
        p[2] = (struct pollfd){.fd = e->clock_fd, .events = POLLIN};
        p[3 + SLOTS] = (struct pollfd){.fd = engine_mail_fd(e), .events = POLLIN};
        for (unsigned i = 0; i < SLOTS; i++) {
                const struct engine_slot *s = &e->slots[i];
                int fd = s->state && rested ? s->source->poll_fd(s->state) : -1;

                p[3 + i] = (struct pollfd){.fd = fd, .events = POLLIN};
                if (s->state && rested && fd < 0)
                        until = MIN(until, now + 20 * NSEC_PER_MSEC);
        }
        for (int i = 0; i < ENGINE_CLIENTS; i++)
                clients[i] = (struct pollfd){.fd = e->clients[i].fd, .events = POLLIN};
        n = poll(p, ELEMENTSOF(p), until <= now ? 0 : (int) ((until - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC));
        if (n < 0 && errno != EINTR)
                return -errno;
        if (n <= 0)
                return 0;
        if (p[0].revents)
                read_warden(e);
        if (p[2].revents)
                on_clock(e);
        if (p[3 + SLOTS].revents)
                engine_mail_serve(e);
        for (int i = 0; i < ENGINE_CLIENTS; i++)
                if (clients[i].revents && e->clients[i].fd >= 0)
                        engine_serve(e, &e->clients[i]);
        if (p[1].revents)
                engine_accept(e); /* last: a place in the list above must not change hands */
        return 0;
}

static void loop(struct engine *e)
{
        nsec_t end = e->daemon->run_for ? e->params->began + e->daemon->run_for : INT64_MAX;

        while (!e->stopping) {
                nsec_t now = clock_boottime();

                if (now >= end)
                        return;
                if (wait_for_work(e, now) < 0)
                        return;
                now = clock_boottime();
                drain(e, now);
                if (now >= e->next_second) {
                        e->next_second = now + STORE_COMMIT_NSEC;
                        every_second(e, now);
                }
        }
}

static void tear_down(struct engine *e)
{
        engine_clear_live_line(e);
        for (unsigned i = 0; i < SLOTS; i++)
                if (e->slots[i].state)
                        e->slots[i].source->stop(e->slots[i].state);
        engine_rules_free(e);
        engine_gate_free(e);
        engine_mail_free(e);
        engine_store_close(e);
        engine_eve_close(e);
        closep(&e->journal_fd);
        talkers_free(e->talkers);
        analysis_free(e->analysis);
        config_free(e->reloaded);
        buf_done(&e->line);
}

/* What signals reach the whole terminal or service decides the warden, which then tells us in order. */
static void ignore_signals(void)
{
        static const int ignored[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP};

        for (size_t i = 0; i < ELEMENTSOF(ignored); i++)
                (void) signal(ignored[i], SIG_IGN);
}

int engine_main(const struct engine_params *params)
{
        struct engine e = {
                .params = params,
                .daemon = params->daemon,
                .config = params->daemon->config,
                .line = BUF_HEAP(65536),
                .eve = {.fd = -1, .out = BUF_HEAP(1u << 20)},
                .journal_fd = -1,
                .statm_fd = -1,
                .clock_fd = -1,
                .started = clock_boottime(),
                .tty = isatty(STDOUT_FILENO),
                .look = text_look_for(STDOUT_FILENO),
        };
        int status = 0;

        log_set_role("engine");
        (void) prctl(PR_SET_NAME, "sekimori-engine");
        (void) clock_engine_offset();
        ignore_signals();
        for (int i = 0; i < ENGINE_CLIENTS; i++)
                e.clients[i].fd = -1;
        if (set_up(&e) < 0) {
                tear_down(&e);
                return 3;
        }
        say_ready(&e);
        engine_config_check(&e);
        e.next_retain = e.started + RETAIN_EVERY;
        e.next_live = clock_boottime() + (e.tty ? LIVE_TTY : LIVE_PLAIN);
        loop(&e);
        if (e.daemon->scan)
                engine_scan_report(&e);
        if (e.daemon->fail_on < LEVELS && e.worst >= e.daemon->fail_on)
                status = 1;
        tear_down(&e);
        return status;
}
