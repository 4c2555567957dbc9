/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The paper's own method as a source: packet, socket, process, ancestors, without any program in the kernel. By process
 * only, and a connection shorter than the way to a look at /proc (about 100 ms) has no process: the loss is counted.
 *
 *   warden   opens the capture ring and starts the scanner
 *   scanner  reads /proc when asked: at most every 50 ms, and at most a fifth of a processor's time for whole tables
 *            and a fifth for single connections (host_proc_scanner.c)
 *   engine   parses the packets, keeps the flows, asks the scanner for what it does not know */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "source/host_proc_read.h"
#include "source/host_proc_scanner.h"
#include "source/host_proc_track.h"
#include "source/source.h"

#define POLL_CAPTURE  (20 * NSEC_PER_MSEC) /* the ring has no descriptor to wait on any more */
#define POLL_TABLES   (200 * NSEC_PER_MSEC)
#define SCAN_EVERY    (50 * NSEC_PER_MSEC) /* at most, while something is not known */
#define SCAN_SHARE    4                    /* pauses last this many times longer than a scan, but at most: */
#define PAUSE_MAX     (4 * NSEC_PER_SEC)
#define REFRESH       (2 * NSEC_PER_SEC) /* ends and listening sockets, when packets are seen */
#define REFRESH_BLIND NSEC_PER_SEC       /* everything, when they are not */
#define FULL_EVERY    (5 * NSEC_PER_SEC) /* all processes and namespaces */
#define STALE         NSEC_PER_SEC       /* older packets do not stay in the ring */
#define MESSAGES_MAX  256                /* taken from the scanner per turn */

enum { FD_SCANNER, FD_CAPTURE };

struct host_proc {
        struct host_proc_capture *capture;
        struct host_proc_track *track;
        struct event_sink sink;
        int scanner, timer, epoll;
        bool asked, told_namespaces;
        uint32_t seq, what, namespaces;                                  /* what was asked last; what is known of it */
        nsec_t last_tables, last_full, last_answer, pause, tables_pause; /* since boot */
        nsec_t now, wall_to_engine; /* engine time, and what makes a packet's time one */
        struct host_proc_record batch[HOST_PROC_BATCH];
};

/* Warden's half. */

static int probe(struct buf *out)
{
        unsigned all, hidden;
        int fd = -EBADF, r = host_proc_capture_open(&fd);

        if (access("/proc/self/stat", R_OK) < 0 || access("/proc/net/tcp", R_OK) < 0) {
                (void) buf_puts(out, "/proc: not readable, so that no socket can be tied to a process\n");
                return -ENOENT;
        }
        if (r == 0) {
                close(fd);
                (void) buf_puts(out, "capture: packets of all devices of this network namespace\n");
        } else
                (void) buf_printf(out, "capture: not possible (%s); connections are polled every second\n",
                                  strerror(-r));
        if (host_proc_read_hidden("/proc", &all, &hidden) == 0)
                (void) buf_printf(out, "/proc: sockets of %u of %u processes, by process and not by thread\n",
                                  all - hidden, all);
        return 0;
}

static int open_source(const struct config *config _unused_, struct source_fds *ret_fds, void **ret_self)
{
        _cleanup_close_ int capture = -EBADF;
        struct source_fds fds = {.n = 0};
        int scanner, r = host_proc_capture_open(&capture);

        for (int i = 0; i < SOURCE_FDS_MAX; i++)
                fds.fd[i] = -1;
        if (r == 0)
                snprintf(fds.note, sizeof(fds.note), "/proc and packet capture, by process");
        else
                snprintf(fds.note, sizeof(fds.note), "/proc polled every second, by process; no capture: %s",
                         strerror(-r));
        r = host_proc_scanner_start(r == 0 ? capture : -1, &scanner);
        if (r < 0)
                return r;
        fds.fd[FD_SCANNER] = scanner;
        fds.n = 1;
        if (capture >= 0) {
                fds.fd[FD_CAPTURE] = TAKE_FD(capture);
                fds.n = 2;
        }
        *ret_fds = fds;
        *ret_self = NULL; /* the scanner ends with its socket: nothing to keep */
        return 0;
}

static int request(void *self _unused_, enum source_request what _unused_, struct source_fds *ret_fds _unused_)
{
        return -EOPNOTSUPP; /* what exists is told by the first scan */
}

static void close_source(void *self _unused_)
{
}

/* Engine's half. */

/* This source's place in the registry, which its events carry. */
static uint8_t own_index(void)
{
        for (uint8_t i = 0; sources[i]; i++)
                if (strcmp(sources[i]->name, "host_proc") == 0)
                        return i;
        return 0;
}

static void stop(void *state)
{
        struct host_proc *h = state;

        if (!h)
                return;
        host_proc_capture_free(h->capture);
        host_proc_track_free(h->track);
        closep(&h->scanner);
        closep(&h->timer);
        closep(&h->epoll);
        free(h);
}

static void stopp(struct host_proc **h)
{
        stop(*h);
}

static int watch(struct host_proc *h, int fd)
{
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

        return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* Makes the source readable after `first`, and then regularly. */
static int set_timer(struct host_proc *h, nsec_t first)
{
        const struct itimerspec spec = {.it_interval = {.tv_nsec = h->capture ? POLL_CAPTURE : POLL_TABLES},
                                        .it_value = {.tv_nsec = first}};

        return timerfd_settime(h->timer, 0, &spec, NULL) < 0 ? -errno : 0;
}

static int start_timer(struct host_proc *h)
{
        int r;

        h->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (h->timer < 0)
                return -errno;
        r = set_timer(h, POLL_CAPTURE);
        return r < 0 ? r : watch(h, h->timer);
}

static int start(const struct source_params *params, struct source_fds *fds, void **ret_state)
{
        _cleanup_(stopp)
        struct host_proc *h = calloc(1, sizeof(*h));
        struct host_proc_track_params track = {.sink = params->sink, .source = own_index()};
        _cleanup_close_ int scanner = fds->n > FD_SCANNER ? TAKE_FD(fds->fd[FD_SCANNER]) : -EBADF;
        _cleanup_close_ int capture = fds->n > FD_CAPTURE ? TAKE_FD(fds->fd[FD_CAPTURE]) : -EBADF;
        int r;

        if (!h)
                return -ENOMEM;
        h->scanner = h->timer = h->epoll = -EBADF;
        if (scanner < 0)
                return -EBADF;
        if (capture >= 0) {
                r = host_proc_capture_new(TAKE_FD(capture), &h->capture);
                if (r < 0)
                        return r;
        }
        h->scanner = TAKE_FD(scanner);
        h->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (h->epoll < 0)
                return -errno;
        track.capture = h->capture != NULL;
        r = host_proc_track_new(&track, &h->track);
        if (r == 0)
                r = watch(h, h->scanner);
        if (r == 0)
                r = start_timer(h);
        if (r < 0)
                return r;
        h->sink = params->sink;
        *ret_state = TAKE_PTR(h);
        return 0;
}

static int poll_fd(void *state)
{
        const struct host_proc *h = state;

        return h->epoll;
}

static void lose_scanner(struct host_proc *h)
{
        struct event e = {.type = EVENT_GAP, .time = h->now, .source = own_index()};

        e.gap = (struct gap_event){.lost = 1, .reason = GAP_NO_TASK, .text = "the scanner of /proc ended"};
        closep(&h->scanner); /* leaves the epoll set too */
        h->scanner = -EBADF;
        h->sink.event(h->sink.userdata, &e);
}

static void take_answer(struct host_proc *h, const struct host_proc_record *r, nsec_t boottime)
{
        nsec_t pause;

        if (r->type != RECORD_END || r->end.seq != h->seq)
                return;
        pause = (nsec_t) MIN(r->end.duration, (uint64_t) PAUSE_MAX / SCAN_SHARE) * SCAN_SHARE;
        h->asked = false;
        h->namespaces = r->end.namespaces;
        h->last_answer = boottime;
        h->pause = SCAN_EVERY;
        /* Whole tables are read seldom: that must not keep single questions waiting. */
        if (h->what != 0)
                h->tables_pause = pause;
        else
                h->pause = MAX(SCAN_EVERY, pause);
}

static void read_scanner(struct host_proc *h)
{
        nsec_t boottime = clock_boottime();

        for (int i = 0; i < MESSAGES_MAX && h->scanner >= 0; i++) {
                ssize_t n = recv(h->scanner, h->batch, sizeof(h->batch), MSG_DONTWAIT | MSG_TRUNC);

                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0) {
                        lose_scanner(h);
                        return;
                }
                if ((size_t) n > sizeof(h->batch) || (size_t) n % sizeof(h->batch[0]) != 0) {
                        host_proc_track_count_bad(h->track, 1);
                        continue;
                }
                for (size_t k = 0; k < (size_t) n / sizeof(h->batch[0]); k++) {
                        take_answer(h, &h->batch[k], boottime);
                        host_proc_track_record(h->track, &h->batch[k], h->now);
                }
        }
}

static void take_packet(void *userdata, const struct host_proc_captured *p)
{
        struct host_proc *h = userdata;
        struct host_proc_captured own = *p;

        own.time += h->wall_to_engine;
        /* The wall clock was set while it lay in the ring: now is nearer than that. */
        if (own.time > h->now || h->now - own.time > STALE)
                own.time = h->now;
        host_proc_track_packet(h->track, &own);
}

/* Which tables are due to be read; 0: none yet. One kind at a time: meanwhile no single question is answered. */
static uint32_t due(const struct host_proc *h, nsec_t now)
{
        nsec_t refresh = h->capture ? REFRESH : REFRESH_BLIND, full = h->capture ? FULL_EVERY : REFRESH_BLIND;

        if (h->last_full == 0)
                return SCAN_SOCKETS | SCAN_PROCESSES;
        if (now - MAX(h->last_tables, h->last_full) < h->tables_pause)
                return 0;
        if (now - h->last_tables >= refresh)
                return SCAN_SOCKETS;
        /* More namespaces than one scan reads: the more often, as far as the pauses allow. */
        if (h->namespaces > NAMESPACES_PER_SCAN)
                full = full * NAMESPACES_PER_SCAN / h->namespaces;
        if (now - h->last_full >= full || !h->told_namespaces)
                return SCAN_NAMESPACES | SCAN_PROCESSES;
        return 0;
}

static void ask(struct host_proc *h)
{
        nsec_t now = clock_boottime();
        struct host_proc_request q = {0};

        if (h->asked || h->scanner < 0 || now - h->last_answer < h->pause)
                return;
        q.what = due(h, now);
        if (q.what == 0 && !host_proc_track_wants_scan(h->track))
                return;
        q.n_queries = host_proc_track_queries(h->track, q.queries, q.what & SCAN_SOCKETS);
        q.seq = h->seq = host_proc_track_next_scan(h->track);
        if (send(h->scanner, &q, sizeof(q), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(q))
                return; /* its end is seen when reading */
        h->asked = true;
        h->what = q.what;
        if (q.what & SCAN_SOCKETS)
                h->last_tables = now;
        if (q.what & SCAN_PROCESSES)
                h->last_full = now;
        h->told_namespaces = h->told_namespaces || q.what & SCAN_NAMESPACES;
}

static int dispatch(void *state, int budget)
{
        struct host_proc *h = state;
        uint64_t before = host_proc_track_events(h->track), expirations, bad = 0;

        (void) !read(h->timer, &expirations, sizeof(expirations));
        h->now = clock_boottime() + clock_engine_offset();
        h->wall_to_engine = h->now - clock_realtime();
        read_scanner(h);
        if (h->capture && host_proc_track_is_ready(h->track)) {
                if (host_proc_capture_read(h->capture, budget, take_packet, h, &bad) >= budget)
                        (void) set_timer(h, 1); /* more lies there: at once again */
                host_proc_track_count_bad(h->track, bad);
        }
        host_proc_track_tick(h->track, h->now);
        ask(h);
        return (int) MIN(host_proc_track_events(h->track) - before, (uint64_t) INT32_MAX);
}

static int tick(void *state, nsec_t boottime _unused_)
{
        return dispatch(state, 4096);
}

static int answer(void *state _unused_, enum source_request what _unused_, struct source_fds *fds)
{
        for (int i = 0; i < fds->n; i++)
                closep(&fds->fd[i]);
        return -EOPNOTSUPP;
}

const struct source source_host_proc = {
        .name = "host_proc",
        .help = "this machine's sockets and processes by /proc and packet capture, without BPF",
        .probe = probe,
        .open = open_source,
        .request = request,
        .close = close_source,
        .start = start,
        .poll_fd = poll_fd,
        .dispatch = dispatch,
        .tick = tick,
        .answer = answer,
        .stop = stop,
};
