/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts, checks and ends the processes that watch the focus. A process that says nothing for a while, or something it
 * cannot mean, is ended, and the focus is not known until the next one tells. Runs in the keeper. */
#include "respond/gate_focus.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "respond/gate_focus_internal.h"

#define SILENCE_USEC (5 * 1000 * 1000) /* two signs of life missed */
#define RETRY_USEC   (1 * 1000 * 1000) /* doubles with each failure */
#define RETRY_MAX    (60 * 1000 * 1000)
#define DISPLAYS     "/tmp/.X11-unix"
#define BURST_USEC   (1 * 1000 * 1000)
#define BURST        50 /* wake-ups in that time: nobody changes windows more often */
#define END_MSEC     100
#define MESSAGES_MAX 16 /* read at once */

struct watch {
        struct gate_focus *owner; /* NULL: free */
        char session[GATE_PERSON_NAME];
        struct gate_focus_job job;
        bool wanted; /* otherwise only its process's end is waited for */
        pid_t pid;   /* 0: no process */
        int pidfd;
        sd_event_source *end, *report, *timer; /* timer: silence while there is a process, the next try otherwise */
        uint64_t retry;
        nsec_t heard;
        struct gate_person_focus told;
};

struct gate_focus {
        struct gate_focus_params params;
        sd_event_source *displays;
        struct watch watches[GATE_FOCUS_SESSIONS];
        uint64_t refused;
};

int gate_focus_check(const void *bytes, size_t size, const struct gate_focus_bounds *bounds,
                     struct gate_focus_message *ret)
{
        struct gate_focus_message m;

        if (size != sizeof(m))
                return -EBADMSG;
        memcpy(&m, bytes, sizeof(m));
        if (m.magic != GATE_FOCUS_MAGIC || m.flags & ~(uint32_t) GATE_FOCUS_MESSAGE_KNOWN || m.pid > GATE_FOCUS_PID_MAX)
                return -EBADMSG;
        if ((m.pid && !(m.flags & GATE_FOCUS_MESSAGE_KNOWN)) || (m.server_uid && m.server_uid != bounds->uid))
                return -EBADMSG;
        if (m.time < (uint64_t) bounds->last || m.time > (uint64_t) bounds->now)
                return -EBADMSG;
        *ret = m;
        return 0;
}

static void tell(struct watch *w, const struct gate_person_focus *f)
{
        if (f->known == w->told.known && f->pid == w->told.pid && f->server_uid == w->told.server_uid)
                return;
        w->told = *f;
        w->told.session = w->session;
        if (w->owner->params.focus)
                w->owner->params.focus(w->owner->params.ud, &w->told);
}

static void set_timer(struct watch *w, uint64_t usec)
{
        (void) sd_event_source_set_time_relative(w->timer, usec);
        (void) sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static void watch_free(struct watch *w)
{
        sd_event_source_disable_unref(w->timer);
        *w = (struct watch){.pidfd = -1};
}

/* The process is gone, or will be: without its report it ends itself. */
static void stop(struct watch *w)
{
        w->report = sd_event_source_disable_unref(w->report);
        if (w->pid && w->pidfd >= 0)
                (void) pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
        (void) sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
        tell(w, &(struct gate_person_focus){.known = false});
}

static int on_end(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *ud)
{
        struct watch *w = ud;
        siginfo_t info = {0};

        if (waitid(P_PIDFD, (id_t) fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
                return 0;
        stop(w);
        w->end = sd_event_source_disable_unref(w->end);
        closep(&w->pidfd);
        w->pidfd = -1;
        w->pid = 0;
        if (!w->wanted) {
                watch_free(w);
                return 0;
        }
        set_timer(w, w->retry);
        w->retry = MIN(2 * w->retry, (uint64_t) RETRY_MAX);
        return 0;
}

static int on_report(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *ud)
{
        struct watch *w = ud;
        struct gate_focus_message m;
        char bytes[sizeof(m) + 1];
        unsigned n = 0;

        for (; n < MESSAGES_MAX; n++) {
                struct gate_focus_bounds bounds = {w->heard, clock_boottime(), w->job.session_uid};
                ssize_t len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

                if (len < 0 && (errno == EAGAIN || errno == EINTR))
                        break;
                if (len <= 0) {
                        stop(w);
                        return 0;
                }
                if (gate_focus_check(bytes, (size_t) len, &bounds, &m) < 0) {
                        w->owner->refused++;
                        stop(w);
                        return 0;
                }
                w->heard = (nsec_t) m.time;
                tell(w, &(struct gate_person_focus){
                                .known = m.flags & GATE_FOCUS_MESSAGE_KNOWN,
                                .pid = m.pid,
                                .since = (nsec_t) m.time,
                                .server_uid = m.server_uid,
                        });
        }
        if (n) {
                w->retry = RETRY_USEC;
                set_timer(w, SILENCE_USEC);
        }
        return 0;
}

static int add_sources(struct watch *w, int report)
{
        sd_event *event = w->owner->params.event;
        int r = sd_event_add_io(event, &w->end, w->pidfd, EPOLLIN, on_end, w);

        if (r >= 0)
                r = sd_event_add_io(event, &w->report, report, EPOLLIN, on_report, w);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(w->report, true);
        if (r < 0) {
                w->report = sd_event_source_disable_unref(w->report);
                return r;
        }
        (void) sd_event_source_set_priority(w->report, SD_EVENT_PRIORITY_IMPORTANT);
        (void) sd_event_source_set_ratelimit(w->report, BURST_USEC, BURST);
        return 0;
}

/* A process that cannot be watched is ended here and now; it has not done anything yet. */
static void abandon(struct watch *w)
{
        (void) kill(w->pid, SIGKILL);
        (void) waitpid(w->pid, NULL, 0);
        w->end = sd_event_source_disable_unref(w->end);
        closep(&w->pidfd);
        w->pidfd = -1;
        w->pid = 0;
}

static int start(struct watch *w)
{
        int pair[2];
        _cleanup_close_ int ours = -1;
        int r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        w->job.report = pair[1];
        w->heard = clock_boottime();
        w->pid = fork();
        if (w->pid == 0)
                gate_focus_child(&w->job);
        r = w->pid < 0 ? -errno : 0;
        close(pair[1]);
        if (r < 0) {
                w->pid = 0;
                return r;
        }
        w->pidfd = pidfd_open(w->pid, 0);
        r = w->pidfd < 0 ? -errno : add_sources(w, ours);
        if (r < 0) {
                abandon(w);
                return r;
        }
        TAKE_FD(ours);
        return 0;
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *ud)
{
        struct watch *w = ud;

        if (w->pid) {
                stop(w);
                return 0;
        }
        if (start(w) < 0) {
                set_timer(w, w->retry);
                w->retry = MIN(2 * w->retry, (uint64_t) RETRY_MAX);
        } else
                set_timer(w, SILENCE_USEC);
        return 0;
}

static int on_display(sd_event_source *source _unused_, const struct inotify_event *e _unused_, void *ud)
{
        struct gate_focus *g = ud;

        for (size_t i = 0; i < GATE_FOCUS_SESSIONS; i++) {
                struct watch *w = &g->watches[i];

                if (!w->owner || !w->wanted || w->told.known)
                        continue;
                w->retry = RETRY_USEC; /* the name is there before the server answers */
                if (!w->pid)
                        set_timer(w, RETRY_USEC);
        }
        return 0;
}

static struct watch *find(struct gate_focus *g, const char *session)
{
        for (size_t i = 0; i < GATE_FOCUS_SESSIONS; i++)
                if (g->watches[i].owner && g->watches[i].wanted && strcmp(g->watches[i].session, session) == 0)
                        return &g->watches[i];
        return NULL;
}

int gate_focus_watch(struct gate_focus *g, const struct gate_person_session *s)
{
        struct gate_focus_job job = {
                .session_uid = s->uid,
                .vt = s->vt,
                .display = gate_focus_parse_display(s->display),
                .uid = g->params.uid,
                .gid = g->params.gid,
                .server = g->params.server,
        };
        struct watch *w = find(g, s->name);
        int r;

        if (w && w->job.session_uid == job.session_uid && w->job.vt == job.vt && w->job.display == job.display)
                return 0;
        if (w)
                gate_focus_forget(g, s->name);
        w = NULL;
        for (size_t i = 0; !w && i < GATE_FOCUS_SESSIONS; i++)
                if (!g->watches[i].owner)
                        w = &g->watches[i];
        if (!w)
                return -ENOSPC;
        r = sd_event_add_time_relative(g->params.event, &w->timer, CLOCK_MONOTONIC, 0, 0, on_timer, w);
        if (r < 0)
                return r;
        w->owner = g;
        w->wanted = true;
        w->job = job;
        w->retry = RETRY_USEC;
        strcpy(w->session, s->name);
        return 0;
}

void gate_focus_forget(struct gate_focus *g, const char *session)
{
        struct watch *w = find(g, session);

        if (!w)
                return;
        stop(w);
        w->wanted = false;
        if (!w->pid)
                watch_free(w);
}

unsigned gate_focus_known(const struct gate_focus *g, uint64_t *ret_refused)
{
        unsigned n = 0;

        for (size_t i = 0; i < GATE_FOCUS_SESSIONS; i++)
                n += g->watches[i].owner && g->watches[i].told.known;
        *ret_refused = g->refused;
        return n;
}

/* Not for long: where it may not be killed it ends itself, when its report is gone. */
static void await_end(const struct watch *w)
{
        struct pollfd fd = {.fd = w->pidfd, .events = POLLIN};

        (void) poll(&fd, 1, END_MSEC);
        (void) waitpid(w->pid, NULL, WNOHANG);
}

void gate_focus_free(struct gate_focus *g)
{
        if (!g)
                return;
        g->params.focus = NULL;
        for (size_t i = 0; i < GATE_FOCUS_SESSIONS; i++) {
                struct watch *w = &g->watches[i];

                if (!w->owner)
                        continue;
                stop(w);
                w->end = sd_event_source_disable_unref(w->end);
                if (w->pid)
                        await_end(w);
                closep(&w->pidfd);
                watch_free(w);
        }
        sd_event_source_disable_unref(g->displays);
        sd_event_unref(g->params.event);
        free(g);
}

int gate_focus_new(const struct gate_focus_params *params, struct gate_focus **ret)
{
        struct gate_focus *g;

        if (params->uid == 0 || params->uid == (uid_t) -1 || params->gid == (gid_t) -1)
                return -EINVAL;
        g = calloc(1, sizeof(*g));
        if (!g)
                return -ENOMEM;
        g->params = *params;
        sd_event_ref(g->params.event);
        if (!g->params.server)
                g->params.server = GATE_FOCUS_SERVER;
        for (size_t i = 0; i < GATE_FOCUS_SESSIONS; i++)
                g->watches[i].pidfd = -1;
        /* Without it, displays that come later are found by trying. */
        if (sd_event_add_inotify(g->params.event, &g->displays, DISPLAYS, IN_CREATE | IN_ONLYDIR, on_display, g) >= 0)
                (void) sd_event_source_set_ratelimit(g->displays, BURST_USEC, BURST);
        *ret = g;
        return 0;
}
