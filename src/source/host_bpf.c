/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The eBPF back end of the host sensor as a source. The warden loads (host_load.c); the engine reads the ring, takes
 * snapshots of what existed before, and turns records into events (host_flows.c). When the ring was full, it says so
 * with a gap and asks for a fresh snapshot: creators are kept by the kernel, so no chain stays broken. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "source/host_flows.h"
#include "source/host_load.h"
#include "source/host_record.h"
#include "source/host_ring.h"
#include "source/source.h"

#define SNAPSHOT_MAX (64u << 20)
#define RESCAN_DRAIN 100000 /* records read before a fresh snapshot: more than the ring has at its usual size */

struct host_bpf_state {
        struct source_params params;
        struct host_ring *ring;
        struct host_flows *flows;
        const uint64_t *counters; /* a page, read-only */
        uint64_t seen[HOST_COUNTERS], bad;
        nsec_t next_check, next_rescan;
        bool asked;
};

static uint8_t own_index(void)
{
        for (uint8_t i = 0; sources[i]; i++)
                if (strcmp(sources[i]->name, "host_bpf") == 0)
                        return i;
        return 0;
}

static void gap(struct host_bpf_state *s, enum gap_reason reason, uint64_t lost, const char *text)
{
        struct event e = {
                .time = clock_boottime() + clock_engine_offset(),
                .type = EVENT_GAP,
                .source = own_index(),
                .gap = {.lost = lost, .reason = (uint8_t) reason, .text = text},
        };

        s->params.sink.event(s->params.sink.userdata, &e);
}

static int host_bpf_open(const struct config *config, struct source_fds *ret_fds, void **ret_self)
{
        return host_load_new(config, ret_fds, (struct host_load **) ret_self);
}

static int host_bpf_request(void *self, enum source_request request, struct source_fds *ret_fds)
{
        switch (request) {
        case SOURCE_REQUEST_SNAPSHOT:
                return host_load_snapshot(self, ret_fds);
        case SOURCE_REQUEST_RESTART:
                return host_load_descriptors(self, ret_fds);
        default:
                return -EINVAL;
        }
}

static void host_bpf_close(void *self)
{
        host_load_free(self);
}

/* Reads an iterator to its end, behind what is in *bytes. */
static int read_all(int fd, uint8_t **bytes, size_t *len, size_t *size)
{
        for (;;) {
                ssize_t n;

                if (*size - *len < 65536) {
                        uint8_t *p;

                        if (*size >= SNAPSHOT_MAX)
                                return -EFBIG;
                        p = realloc(*bytes, *size + (1u << 20));
                        if (!p)
                                return -ENOMEM;
                        *bytes = p;
                        *size += 1u << 20;
                }
                n = read(fd, *bytes + *len, *size - *len);
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                *len += (size_t) n;
        }
}

/* When the oldest record was written that still waits in the ring. */
static nsec_t oldest_waiting(const struct host_bpf_state *s)
{
        size_t len;
        const struct host_head *h = host_ring_peek(s->ring, &len);

        return h && len >= sizeof(*h) && h->time < INT64_MAX ? (nsec_t) h->time : INT64_MAX;
}

static int take_snapshot(struct host_bpf_state *s, struct source_fds *fds)
{
        _cleanup_free_ uint8_t *bytes = NULL;
        size_t len = 0, size = 0;
        int r;

        r = read_all(fds->fd[HOST_FD_TASKS], &bytes, &len, &size);
        if (r == 0)
                r = read_all(fds->fd[HOST_FD_SOCKETS], &bytes, &len, &size);
        close(TAKE_FD(fds->fd[HOST_FD_TASKS]));
        close(TAKE_FD(fds->fd[HOST_FD_SOCKETS]));
        if (r < 0) {
                gap(s, GAP_NO_TASK, 1, "the list of existing tasks and sockets could not be read");
                return r;
        }
        host_flows_snapshot(s->flows, bytes, len, oldest_waiting(s));
        return 0;
}

static void host_bpf_stop(void *state)
{
        struct host_bpf_state *s = state;

        if (!s)
                return;
        host_ring_free(s->ring);
        host_flows_free(s->flows);
        if (s->counters)
                munmap((void *) s->counters, (size_t) sysconf(_SC_PAGESIZE));
        free(s);
}

static void stop_p(struct host_bpf_state **s)
{
        host_bpf_stop(*s);
}

static int host_bpf_start(const struct source_params *params, struct source_fds *fds, void **ret_state)
{
        _cleanup_(stop_p)
        struct host_bpf_state *s = calloc(1, sizeof(*s));
        void *p;
        int r;

        if (!s)
                return -ENOMEM;
        s->params = *params;
        r = host_flows_new(&params->sink, clock_engine_offset(), own_index(), &s->flows);
        if (r < 0)
                return r;
        r = host_ring_new(fds->fd[HOST_FD_RING], host_ring_bytes(params->config), &s->ring);
        if (r < 0)
                return r;
        fds->fd[HOST_FD_RING] = -1;
        p = mmap(NULL, (size_t) sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fds->fd[HOST_FD_COUNTERS], 0);
        if (p == MAP_FAILED)
                return -errno;
        s->counters = p;
        close(TAKE_FD(fds->fd[HOST_FD_COUNTERS]));
        r = take_snapshot(s, fds);
        if (r < 0)
                return r;
        s->next_rescan = params->config->host.rescan ? clock_boottime() + params->config->host.rescan : INT64_MAX;
        *ret_state = TAKE_PTR(s);
        return 0;
}

static int host_bpf_poll_fd(void *state)
{
        struct host_bpf_state *s = state;

        return host_ring_fd(s->ring);
}

static void each_record(void *userdata, const void *record, size_t len)
{
        struct host_bpf_state *s = userdata;

        (void) host_flows_record(s->flows, record, len); /* counted there */
}

static int host_bpf_dispatch(void *state, int budget)
{
        struct host_bpf_state *s = state;

        return host_ring_read(s->ring, budget, each_record, s);
}

static void ask_snapshot(struct host_bpf_state *s)
{
        if (!s->asked && s->params.ask && s->params.ask(s->params.userdata, SOURCE_REQUEST_SNAPSHOT) >= 0)
                s->asked = true;
}

static void check_counters(struct host_bpf_state *s)
{
        static const struct {
                enum host_counter counter;
                enum gap_reason reason;
                const char *text;
        } rows[] = {
                {HOST_COUNT_RING_FULL, GAP_RING_FULL, NULL},
                {HOST_COUNT_NO_PEER, GAP_NO_PEER, NULL},
                {HOST_COUNT_NO_CONTENT, GAP_NO_CONTENT, "raw frames past the device queue, or AF_XDP"},
                {HOST_COUNT_UNSURE, GAP_NO_CONTENT,
                 "source addresses that could not be compared with all of this machine's"},
        };
        uint64_t lost;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t now = __atomic_load_n(&s->counters[rows[i].counter], __ATOMIC_RELAXED);
                uint64_t more = now - s->seen[rows[i].counter];

                s->seen[rows[i].counter] = now;
                if (more == 0)
                        continue;
                gap(s, rows[i].reason, more, rows[i].text);
                if (rows[i].counter == HOST_COUNT_RING_FULL)
                        ask_snapshot(s);
        }
        lost = host_flows_take_evicted(s->flows);
        if (lost)
                gap(s, GAP_TABLE_FULL, lost, "flows of the host sensor");
        lost = host_flows_bad(s->flows) + host_ring_bad(s->ring) - s->bad;
        if (lost)
                gap(s, GAP_BAD_MESSAGE, lost, "records of the kernel half");
        s->bad += lost;
}

static int host_bpf_tick(void *state, nsec_t boottime)
{
        struct host_bpf_state *s = state;

        if (boottime >= s->next_check) {
                s->next_check = boottime + NSEC_PER_SEC;
                check_counters(s);
        }
        if (boottime >= s->next_rescan) {
                s->next_rescan = boottime + s->params.config->host.rescan;
                ask_snapshot(s);
        }
        return 0;
}

static int host_bpf_answer(void *state, enum source_request request, struct source_fds *fds)
{
        struct host_bpf_state *s = state;

        s->asked = false; /* refused or not: the next loss asks again */
        if (request != SOURCE_REQUEST_SNAPSHOT || fds->fd[HOST_FD_TASKS] < 0 || fds->fd[HOST_FD_SOCKETS] < 0)
                return -EBADMSG;
        /* What the ring says is told better than what a list can say of it. */
        (void) host_bpf_dispatch(s, RESCAN_DRAIN);
        return take_snapshot(s, fds);
}

const struct source source_host_bpf = {
        .name = "host_bpf",
        .help = "processes, threads and their traffic, from the kernel by eBPF",
        .probe = host_load_probe,
        .open = host_bpf_open,
        .request = host_bpf_request,
        .close = host_bpf_close,
        .start = host_bpf_start,
        .poll_fd = host_bpf_poll_fd,
        .dispatch = host_bpf_dispatch,
        .tick = host_bpf_tick,
        .answer = host_bpf_answer,
        .stop = host_bpf_stop,
};
