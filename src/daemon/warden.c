/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The warden: opens what needs rights, hands descriptors to the engine, starts it again when it dies. It obeys a closed
 * list of verbs and parses nothing that comes from outside this machine. The engine reads hostile bytes and may be
 * another's by now: it can neither end the watch, nor say anything to the service manager but a printable line, nor
 * make the warden work more often than the source needs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/descriptors.h"
#include "daemon/engine.h"
#include "daemon/keeper_child.h"
#include "daemon/msg.h"
#include "daemon/places.h"
#include "daemon/postman_child.h"
#include "daemon/pulse.h"
#include "daemon/responder.h"
#include "daemon/sandbox.h"
#include "daemon/watched.h"
#include "respond/gate_source.h"

#define STOP_WAIT     (5 * NSEC_PER_SEC) /* for the engine to commit and end */
#define REQUEST_PAUSE (250 * NSEC_PER_MSEC)
#define STATUS_FAILED 3

struct warden {
        const struct daemon_params *params;
        struct watched watched;
        int engine_fd, signal_fd, control_fd;
        struct child engine;
        uint32_t restarts, reloads;
        nsec_t began;               /* boot time: all sources were open */
        nsec_t kill_at;             /* 0: not stopping */
        nsec_t request_at[SLOTS];   /* no request is taken earlier */
        struct config_cidrs own;    /* this machine's addresses at the start */
        struct pulse pulse;         /* of the running engine */
        struct keeper_child keeper; /* the gate's user half */
        struct postman_child postman;
        struct responder responder;
        uint64_t bad;
        bool resumed, stopping;
        bool renewing;          /* the running engine was told to end, for another to follow */
        bool ready, ever_ready; /* the running engine; any */
        bool live_line;         /* the engine keeps one on our terminal */
        int status;             /* what to end with */
};

/* Between the engine's live line and what the warden has to say. */
static void clear_line(const struct warden *w)
{
        if (w->live_line)
                (void) !write(STDOUT_FILENO, "\r\033[K", 4);
}

static int run_engine(const struct warden *w, int fd, pid_t warden)
{
        struct source_fds fds[SLOTS];
        struct engine_params params = {
                .daemon = w->params,
                .fds = fds,
                .warden_fd = fd,
                .control_fd = w->control_fd,
                .warden = warden,
                .restarts = w->restarts,
                .resumed = w->resumed,
                .reload = w->reloads > 0,
                .began = w->began,
                .own = &w->own,
        };

        memcpy(fds, w->watched.fds, sizeof(fds));
        for (unsigned i = 0; i < SLOTS; i++)
                params.sources[i] = w->watched.slots[i].open ? w->watched.slots[i].source : NULL;
        return engine_main(&params);
}

static int start_engine(struct warden *w)
{
        pid_t parent = getpid(), pid;
        sigset_t none;
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        fflush(NULL);
        pid = fork();
        if (pid < 0) {
                int e = -errno;

                close(pair[0]);
                close(pair[1]);
                return e;
        }
        if (pid == 0) {
                sigemptyset(&none);
                (void) sigprocmask(SIG_SETMASK, &none, NULL);
                /* Nothing of the warden's own cleanup may run here: the programs in the kernel belong to it. */
                _exit(run_engine(w, pair[1], parent));
        }
        close(pair[1]);
        watched_close_fds(&w->watched);
        w->engine_fd = pair[0];
        child_started(&w->engine, pid);
        w->ready = false;
        pulse_begin(&w->pulse, w->params->config->daemon.hung_after, w->engine.started);
        return 0;
}

static void count_bad(struct warden *w)
{
        if (w->bad++ > 0)
                return;
        clear_line(w);
        log_warning("a malformed message of the engine was dropped; further ones are counted");
}

static void on_ready(struct warden *w, const struct msg *m)
{
        char text[2 * MSG_TEXT_MAX];
        struct buf b = BUF_FIXED(text);

        if (w->ready) {
                count_bad(w);
                return;
        }
        w->ready = w->ever_ready = true;
        pulse_answer(&w->pulse);
        /* A line end would be one more command to the service manager. */
        buf_put_visible(&b, m->text, strlen(m->text));
        (void) sd_notifyf(0, "READY=1\nSTATUS=%s", buf_str(&b));
        postman_child_start(&w->postman, w->params, w->engine_fd);
}

static int do_request(struct warden *w, const struct msg *m, struct source_fds *ret)
{
        const struct watched_slot *s = &w->watched.slots[m->slot];
        nsec_t now = clock_boottime();

        if (m->request == SOURCE_REQUEST_RESTART || !s->open || !s->source->request)
                return -EINVAL;
        if (now < w->request_at[m->slot])
                return -EBUSY;
        w->request_at[m->slot] = now + REQUEST_PAUSE;
        return s->source->request(s->self, m->request, ret);
}

/* What a source has now is of no use any more: an engine that starts anew gets it afresh. */
static void renew_engine(struct warden *w, const char *what, bool again)
{
        const struct msg m = {.verb = MSG_STOP};

        if (w->stopping || w->renewing)
                return;
        w->renewing = true;
        clear_line(w);
        log_notice("%s is there %s: the engine is started anew to watch it", what, again ? "again" : "now");
        if (msg_send(w->engine_fd, &m, NULL) < 0)
                (void) kill(w->engine.pid, SIGKILL);
}

static void on_message(struct warden *w, const struct msg *m)
{
        struct msg answer = {.verb = MSG_ANSWER, .request = m->request, .slot = m->slot};
        struct source_fds fds = {.n = 0};

        switch (m->verb) {
        case MSG_READY:
                on_ready(w, m);
                return;
        case MSG_PONG:
                pulse_answer(&w->pulse);
                return;
        case MSG_BLOCK:
                clear_line(w);
                responder_block(&w->responder, w->params->config, &w->watched.slots[SLOT_GATE], m->text);
                return;
        case MSG_REQUEST:
                answer.value = do_request(w, m, &fds);
                if (msg_send(w->engine_fd, &answer, answer.value == 0 ? &fds : NULL) < 0)
                        count_bad(w);
                source_fds_close(&fds);
                if (answer.value == -ESTALE)
                        renew_engine(w, w->params->config->packets.interface, true);
                return;
        default:
                count_bad(w); /* not for us */
        }
}

static void read_engine(struct warden *w)
{
        for (int i = 0; i < 16; i++) {
                struct source_fds fds = {.n = 0};
                struct msg m;
                int r = msg_receive(w->engine_fd, &m, &fds);

                if (r == 0)
                        return;
                if (r == 1) {
                        source_fds_close(&fds); /* the engine has nothing to give us */
                        on_message(w, &m);
                } else if (r == -EBADMSG) {
                        count_bad(w);
                } else {
                        close(w->engine_fd);
                        w->engine_fd = -1;
                        /* Who does not listen cannot be stopped in order. If it is ending, this changes nothing. */
                        if (w->engine.pid > 0)
                                (void) kill(w->engine.pid, SIGKILL);
                        return;
                }
        }
}

static void stop(struct warden *w)
{
        struct msg m = {.verb = MSG_STOP};

        if (w->stopping)
                return;
        w->stopping = true;
        (void) sd_notify(0, "STOPPING=1");
        w->kill_at = clock_boottime() + STOP_WAIT;
        if (w->engine.pid > 0 && msg_send(w->engine_fd, &m, NULL) < 0)
                w->kill_at = clock_boottime();
}

/* An engine may end by itself when it never got so far as to watch, or when the time it was given is over. */
static bool may_end(const struct warden *w, int status)
{
        if (!WIFEXITED(status))
                return false;
        if (!w->ever_ready)
                return WEXITSTATUS(status) == STATUS_FAILED;
        return w->params->run_for && clock_boottime() >= w->began + w->params->run_for && WEXITSTATUS(status) <= 1;
}

static void on_engine_end(struct warden *w, int status)
{
        char end[CHILD_END_MAX];

        if (w->stopping || may_end(w, status)) {
                w->status = WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_FAILED;
                w->stopping = true;
                return;
        }
        child_later(&w->engine);
        w->restarts++;
        clear_line(w);
        if (!w->renewing)
                log_error("the engine %s; what is stored stays; starting it again in %lld ms", child_end(status, end),
                          (long long) (w->engine.backoff / NSEC_PER_MSEC));
        w->renewing = false;
}

static void reap_engine(struct warden *w)
{
        int status;

        if (!child_reap(&w->engine, &status))
                return;
        if (w->engine_fd >= 0)
                read_engine(w); /* what it said last */
        closep(&w->engine_fd);
        w->engine_fd = -1;
        on_engine_end(w, status);
}

static void start_keeper(struct warden *w)
{
        const struct watched_slot *s = &w->watched.slots[SLOT_GATE];

        if (s->open)
                keeper_child_start(&w->keeper, w->params->config, gate_source_gate(s->self));
}

/* `gate shut`, `gate remove` and `block` load and unload it: the engine gets the ring of the one there is now. */
static void hand_gate(struct warden *w)
{
        struct source_fds *fds = &w->watched.fds[SLOT_GATE];
        struct msg m = {.verb = MSG_SOURCE, .slot = SLOT_GATE};

        if (w->engine.pid <= 0 || w->renewing)
                return; /* the next one gets it */
        memcpy(m.text, fds->note, sizeof(m.text));
        if (msg_send(w->engine_fd, &m, fds) < 0)
                renew_engine(w, "another mail gate", false);
        source_fds_close(fds);
}

static void reap_keeper(struct warden *w)
{
        enum keeper_end end;

        clear_line(w);
        end = keeper_child_reap(&w->keeper);
        if (end != KEEPER_CHANGED || w->stopping)
                return;
        if (!watched_reopen_gate(&w->watched, w->params->config))
                log_error("the mail gate cannot be opened again");
        start_keeper(w);
        hand_gate(w);
}

static void reload(struct warden *w)
{
        struct msg m = {.verb = MSG_RELOAD};

        w->reloads++; /* an engine that starts from now on reads it by itself */
        keeper_child_reload(&w->keeper);
        postman_child_reload(&w->postman);
        if (w->engine.pid <= 0 || msg_send(w->engine_fd, &m, NULL) == 0)
                return;
        clear_line(w);
        log_warning("the engine does not take the order to read the configuration again");
}

static void read_signals(struct warden *w)
{
        struct signalfd_siginfo si;

        while (read(w->signal_fd, &si, sizeof(si)) == sizeof(si)) {
                if (si.ssi_signo == SIGHUP)
                        reload(w);
                else if (si.ssi_signo != SIGCHLD)
                        stop(w);
        }
        reap_engine(w);
        if (w->keeper.child.pid > 0)
                reap_keeper(w);
        postman_child_reap(&w->postman);
}

/* One that hangs watches nothing: it is killed, and so started again. */
static void feel_pulse(struct warden *w, nsec_t now)
{
        const struct msg m = {.verb = MSG_PING};
        enum pulse_step step;

        if (w->engine.pid <= 0 || w->engine_fd < 0 || w->stopping)
                return;
        step = pulse_step(&w->pulse, w->ready, now);
        if (step == PULSE_PING)
                (void) msg_send(w->engine_fd, &m, NULL); /* no room: it does not read, which is what is asked */
        if (step != PULSE_HANGS)
                return;
        clear_line(w);
        log_error("the engine does not answer any more; killing it");
        (void) kill(w->engine.pid, SIGKILL);
}

static void restart_engine(struct warden *w)
{
        int r = watched_renew(&w->watched, w->params->config, &w->resumed);

        if (r == 0)
                r = start_engine(w);
        if (r < 0) {
                child_later(&w->engine);
                log_error("cannot start the engine again: %s; trying again in %lld ms", strerror(-r),
                          (long long) (w->engine.backoff / NSEC_PER_MSEC));
        }
}

/* A postman waits to be started, and there is an engine to ask. */
static bool takes_postman(const struct warden *w)
{
        return w->postman.child.restart_at && w->ready && w->engine.pid > 0 && w->engine_fd >= 0 && !w->stopping;
}

/* When there is something to do without anybody asking; 0: never. */
static nsec_t next_duty(const struct warden *w)
{
        nsec_t next = 0;

        if (w->kill_at || w->engine.restart_at)
                next = w->kill_at ? w->kill_at : w->engine.restart_at;
        else if (w->engine.pid > 0 && w->engine_fd >= 0 && !w->pulse.lost)
                next = w->pulse.next;
        if (w->keeper.child.restart_at && (!next || w->keeper.child.restart_at < next))
                next = w->keeper.child.restart_at;
        return takes_postman(w) && (!next || w->postman.child.restart_at < next) ? w->postman.child.restart_at : next;
}

static void loop(struct warden *w)
{
        while (!w->stopping || w->engine.pid > 0) {
                struct pollfd p[2] = {{.fd = w->signal_fd, .events = POLLIN}, {.fd = w->engine_fd, .events = POLLIN}};
                nsec_t now = clock_boottime(), next = next_duty(w);
                int timeout = !next ? -1 : next <= now ? 0 : (int) ((next - now) / NSEC_PER_MSEC) + 1;

                if (poll(p, 2, timeout) < 0 && errno != EINTR)
                        return;
                read_signals(w);
                if (w->engine_fd >= 0 && p[1].revents)
                        read_engine(w);
                now = clock_boottime();
                if (w->kill_at && now >= w->kill_at && w->engine.pid > 0) {
                        clear_line(w);
                        log_error("the engine does not end; killing it");
                        (void) kill(w->engine.pid, SIGKILL);
                        w->kill_at = now + STOP_WAIT;
                }
                if (w->engine.restart_at && now >= w->engine.restart_at && !w->stopping)
                        restart_engine(w);
                if (w->keeper.child.restart_at && now >= w->keeper.child.restart_at && !w->stopping)
                        start_keeper(w);
                if (takes_postman(w) && now >= w->postman.child.restart_at)
                        postman_child_start(&w->postman, w->params, w->engine_fd);
                feel_pulse(w, now);
        }
}

static int set_up(struct warden *w)
{
        char why[512];
        struct buf b = BUF_FIXED(why);
        int r = places_make_folders(w->params, &b);

        if (r < 0) {
                log_error("%s", buf_str(&b));
                return r;
        }
        r = watched_own_addresses(&w->own);
        if (r == 0)
                r = config_add_home(w->params->config, &w->own);
        if (r < 0)
                log_warning("this machine's addresses cannot be listed: %s", strerror(-r));
        r = watched_open(&w->watched, w->params->config);
        if (r < 0)
                return r;
        w->control_fd = places_open_control(w->params, &b);
        if (w->control_fd < 0 && buf_str(&b)[0])
                log_warning("%s", buf_str(&b));
        w->signal_fd = r = descriptors_open_signals();
        if (r >= 0) {
                start_keeper(w);
                w->began = clock_boottime();
                r = start_engine(w);
        }
        if (r < 0)
                log_error("cannot start the engine: %s", strerror(-r));
        return r;
}

int daemon_run(const struct daemon_params *params)
{
        struct warden w = {
                .params = params,
                .engine_fd = -1,
                .signal_fd = -1,
                .control_fd = -1,
                .live_line = !params->quiet && isatty(STDOUT_FILENO),
                .watched.without_gate = params->scan,
        };
        int r;

        log_set_role("warden");
        keeper_child_init(&w.keeper, params->config_path);
        descriptors_fill_standard();
        if (set_up(&w) < 0) {
                w.status = STATUS_FAILED;
        } else {
                r = sandbox_cut_warden();
                if (r < 0)
                        log_warning("the warden keeps rights that it does not use: %s", strerror(-r));
                loop(&w);
        }
        child_stop(&w.keeper.child);
        child_stop(&w.postman.child);
        places_close_control(params, w.control_fd);
        watched_close(&w.watched);
        closep(&w.signal_fd);
        free(w.own.items);
        if (w.bad > 1)
                log_warning("%llu malformed messages of the engine were dropped", (unsigned long long) w.bad);
        return w.status;
}
