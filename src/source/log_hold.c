/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sorting window of the log reader. Logs are written when something ended and tell when it began, so that the whole
 * of a log of moderate size has to be seen before the first event is known to be the first. Runs in `read`. */
#include "source/log_hold.h"

#include <errno.h>

#define HEAP_FIRST  1024
#define PIECES_MAX  5
#define RANK_SHIFT  62 /* of the order: what comes first among events of the same time */
#define MALLOC_COST 16 /* bytes that an allocation needs besides, on 64-bit glibc */

struct held {
        struct event event;
        char strings[];
};

struct entry {
        nsec_t time;
        uint64_t order;
        struct held *held;
};

struct log_hold {
        struct entry *heap;
        uint32_t n, size;
        size_t bytes;
        uint64_t pushed;
};

/* A slice in an event. */
struct piece {
        void *at; /* of the pointer: any object pointer, copied with memcpy */
        size_t len;
};

int log_hold_new(struct log_hold **ret)
{
        struct log_hold *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;
        *ret = h;
        return 0;
}

void log_hold_free(struct log_hold *h)
{
        if (!h)
                return;
        for (uint32_t i = 0; i < h->n; i++)
                free(h->heap[i].held);
        free(h->heap);
        free(h);
}

static unsigned http_pieces(struct http_event *w, struct piece p[static PIECES_MAX])
{
        p[0] = (struct piece){&w->method, w->method_len};
        p[1] = (struct piece){&w->uri, w->uri_len};
        p[2] = (struct piece){&w->host, w->host_len};
        p[3] = (struct piece){&w->agent, w->agent_len};
        p[4] = (struct piece){&w->type, w->type_len};
        return 5;
}

/* All pointers of an event, as event.h has them. */
static unsigned pieces_of(struct event *e, struct piece p[static PIECES_MAX])
{
        switch (e->type) {
        case EVENT_GAP:
                p[0] = (struct piece){&e->gap.text, e->gap.text ? strlen(e->gap.text) + 1 : 0};
                return 1;
        case EVENT_DNS:
                p[0] = (struct piece){&e->dns.name.p, e->dns.name.len};
                p[1] = (struct piece){&e->dns.addrs, e->dns.n_addrs * sizeof(struct addr)};
                return 2;
        case EVENT_IRC:
                p[0] = (struct piece){&e->irc.text.p, e->irc.text.len};
                return 1;
        case EVENT_SMTP:
                p[0] = (struct piece){&e->smtp.text.p, e->smtp.text.len};
                return 1;
        case EVENT_HTTP:
                return http_pieces(&e->http, p);
        case EVENT_TLS:
                p[0] = (struct piece){&e->tls.sni.p, e->tls.sni.len};
                p[1] = (struct piece){&e->tls.ja4, e->tls.ja4 ? strlen(e->tls.ja4) + 1 : 0};
                p[2] = (struct piece){&e->tls.alpn, e->tls.alpn_len};
                return 3;
        case EVENT_FTP:
                p[0] = (struct piece){&e->ftp.text.p, e->ftp.text.len};
                return 1;
        case EVENT_PROXY:
                p[0] = (struct piece){&e->proxy.name.p, e->proxy.name.len};
                return 1;
        case EVENT_FILE:
                p[0] = (struct piece){&e->file.name.p, e->file.name.len};
                p[1] = (struct piece){&e->file.host.p, e->file.host.len};
                p[2] = (struct piece){&e->file.type, e->file.type_len};
                return 3;
        default:
                return 0;
        }
}

static size_t pieces_size(const struct piece *p, unsigned n)
{
        size_t sum = 0;

        for (unsigned i = 0; i < n; i++)
                sum += p[i].len;
        return sum;
}

static struct held *copy(const struct event *e, size_t *ret_size)
{
        struct event original = *e;
        struct piece p[PIECES_MAX];
        unsigned n = pieces_of(&original, p);
        size_t size = sizeof(struct held) + pieces_size(p, n), at = 0;
        struct held *held = malloc(size);

        if (!held)
                return NULL;
        held->event = *e;
        (void) pieces_of(&held->event, p);
        for (unsigned i = 0; i < n; i++) {
                const char *from, *to = held->strings + at;

                memcpy(&from, p[i].at, sizeof(from));
                if (!from) /* not there stays not there */
                        continue;
                memcpy(held->strings + at, from, p[i].len);
                memcpy(p[i].at, &to, sizeof(to));
                at += p[i].len;
        }
        *ret_size = size + MALLOC_COST;
        return held;
}

static size_t size_of(struct held *held)
{
        struct piece p[PIECES_MAX];

        return sizeof(*held) + pieces_size(p, pieces_of(&held->event, p)) + MALLOC_COST;
}

static inline bool before(const struct entry *a, const struct entry *b)
{
        return a->time != b->time ? a->time < b->time : a->order < b->order;
}

static int make_room(struct log_hold *h)
{
        uint32_t size = h->size ? h->size * 2 : HEAP_FIRST;
        struct entry *heap;

        if (h->n < h->size)
                return 0;
        heap = realloc(h->heap, size * sizeof(*heap));
        if (!heap)
                return -ENOMEM;
        h->heap = heap;
        h->size = size;
        return 0;
}

static uint64_t rank_of(const struct event *e)
{
        if (e->type == EVENT_GAP)
                return 3;
        if (e->type != EVENT_FLOW)
                return 1;
        return e->op == FLOW_START ? 0 : e->op == FLOW_END ? 2 : 1;
}

int log_hold_push(struct log_hold *h, const struct event *e)
{
        struct entry entry = {.time = e->time, .order = rank_of(e) << RANK_SHIFT | h->pushed};
        size_t size;
        uint32_t i;

        if (make_room(h) < 0)
                return -ENOMEM;
        entry.held = copy(e, &size);
        if (!entry.held)
                return -ENOMEM;
        h->pushed++;
        h->bytes += size;
        for (i = h->n++; i > 0 && before(&entry, &h->heap[(i - 1) / 2]); i = (i - 1) / 2)
                h->heap[i] = h->heap[(i - 1) / 2];
        h->heap[i] = entry;
        return 0;
}

bool log_hold_full(const struct log_hold *h)
{
        return h->n >= LOG_HELD_MAX || h->bytes >= LOG_HELD_BYTES;
}

uint32_t log_hold_count(const struct log_hold *h)
{
        return h->n;
}

const struct event *log_hold_first(const struct log_hold *h)
{
        return h->n ? &h->heap[0].held->event : NULL;
}

void log_hold_pop(struct log_hold *h)
{
        struct entry last;
        uint32_t i = 0, child;

        if (h->n == 0)
                return;
        h->bytes -= size_of(h->heap[0].held);
        free(h->heap[0].held);
        last = h->heap[--h->n];
        while ((child = 2 * i + 1) < h->n) {
                if (child + 1 < h->n && before(&h->heap[child + 1], &h->heap[child]))
                        child++;
                if (!before(&h->heap[child], &last))
                        break;
                h->heap[i] = h->heap[child];
                i = child;
        }
        h->heap[i] = last;
}
