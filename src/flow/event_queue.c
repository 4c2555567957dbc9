/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing array of events and an arena for what they point to. Runs in workers' threads. */
#include "flow/event_queue.h"

#include <errno.h>

#define CHUNK       (64u << 10)
#define EVENTS_MAX  (1u << 21) /* every flow of a full table may end in one second, on both sides */
#define CHUNKS_MAX  (4u << 10) /* 256 MiB */
#define EVENTS_KEPT (1u << 16) /* room that stays when it is empty */
#define CHUNKS_KEPT 64u

struct chunk {
        struct chunk *next;
        size_t used;
        char bytes[CHUNK];
};

struct event_queue {
        struct queued_event *events;
        uint32_t n, room, n_chunks;
        struct chunk *first, *now;
        uint64_t dropped;
};

int event_queue_new(struct event_queue **ret)
{
        struct event_queue *q = calloc(1, sizeof(*q));

        if (!q)
                return -ENOMEM;
        *ret = q;
        return 0;
}

static void free_chunks(struct event_queue *q)
{
        for (struct chunk *c = q->first, *next; c; c = next) {
                next = c->next;
                free(c);
        }
        q->first = q->now = NULL;
        q->n_chunks = 0;
}

void event_queue_free(struct event_queue *q)
{
        if (!q)
                return;
        free_chunks(q);
        free(q->events);
        free(q);
}

static char *arena_take(struct event_queue *q, size_t len)
{
        struct chunk *c = q->now;
        char *p;

        if (len > CHUNK)
                return NULL;
        len = (len + 7) & ~(size_t) 7;
        if (!c || c->used + len > CHUNK) {
                struct chunk *next = c ? c->next : q->first;

                if (!next) {
                        next = q->n_chunks < CHUNKS_MAX ? malloc(sizeof(*next)) : NULL;
                        if (!next)
                                return NULL;
                        q->n_chunks++;
                        next->next = NULL;
                        if (c)
                                c->next = next;
                        else
                                q->first = next;
                }
                next->used = 0;
                q->now = c = next;
        }
        p = c->bytes + c->used;
        c->used += len;
        return p;
}

static bool keep(struct event_queue *q, const char **p, size_t len)
{
        char *copy;

        if (!*p || !len)
                return true;
        copy = arena_take(q, len);
        if (!copy)
                return false;
        memcpy(copy, *p, len);
        *p = copy;
        return true;
}

static bool keep_slice(struct event_queue *q, struct slice *s, struct ends *ends)
{
        if (s->len > EVENT_SLICE_MAX) {
                s->len = EVENT_SLICE_MAX;
                ends->flags |= ENDS_CUT;
        }
        return keep(q, &s->p, s->len);
}

static bool keep_short(struct event_queue *q, const char **p, uint16_t *len, struct ends *ends)
{
        if (*len > EVENT_SLICE_MAX) {
                *len = EVENT_SLICE_MAX;
                ends->flags |= ENDS_CUT;
        }
        return keep(q, p, *len);
}

static bool keep_http(struct event_queue *q, struct event *e)
{
        struct http_event *h = &e->http;

        return keep(q, &h->method, h->method_len) && keep_short(q, &h->uri, &h->uri_len, &e->ends) &&
               keep_short(q, &h->host, &h->host_len, &e->ends) && keep_short(q, &h->agent, &h->agent_len, &e->ends) &&
               keep_short(q, &h->type, &h->type_len, &e->ends);
}

/* Copies what the event points to; false without memory. */
static bool keep_slices(struct event_queue *q, struct event *e)
{
        const char *p;

        switch (e->type) {
        case EVENT_GAP:
                return !e->gap.text || keep(q, &e->gap.text, strlen(e->gap.text) + 1);
        case EVENT_DNS:
                p = (const char *) e->dns.addrs;
                if (!keep_slice(q, &e->dns.name, &e->ends) || !keep(q, &p, e->dns.n_addrs * sizeof(struct addr)))
                        return false;
                e->dns.addrs = (const struct addr *) p;
                return true;
        case EVENT_IRC:
                return keep_slice(q, &e->irc.text, &e->ends);
        case EVENT_SMTP:
                return keep_slice(q, &e->smtp.text, &e->ends);
        case EVENT_HTTP:
                return keep_http(q, e);
        case EVENT_TLS:
                return keep_slice(q, &e->tls.sni, &e->ends) && keep(q, &e->tls.alpn, e->tls.alpn_len) &&
                       (!e->tls.ja4 || keep(q, &e->tls.ja4, strlen(e->tls.ja4) + 1));
        case EVENT_FTP:
                return keep_slice(q, &e->ftp.text, &e->ends);
        case EVENT_PROXY:
                return keep_slice(q, &e->proxy.name, &e->ends);
        case EVENT_FILE:
                return keep_slice(q, &e->file.name, &e->ends) && keep_slice(q, &e->file.host, &e->ends) &&
                       keep_short(q, &e->file.type, &e->file.type_len, &e->ends);
        case EVENT_ALERT:
                if (e->alert.rule) /* its texts are the rule's, which stays */
                        return true;
                return keep_slice(q, &e->alert.msg, &e->ends) &&
                       (!e->alert.category || keep(q, &e->alert.category, strlen(e->alert.category) + 1));
        default: /* process events do not come from packets */
                return true;
        }
}

void event_queue_push(struct event_queue *q, uint64_t key, const struct event *e)
{
        struct queued_event *at;

        if (q->n == EVENTS_MAX) {
                q->dropped++;
                return;
        }
        if (q->n == q->room) {
                uint32_t room = q->room ? 2 * q->room : 256;
                struct queued_event *events = realloc(q->events, room * sizeof(*events));

                if (!events) {
                        q->dropped++;
                        return;
                }
                q->events = events;
                q->room = room;
        }
        at = &q->events[q->n];
        at->key = key;
        at->event = *e;
        if (keep_slices(q, &at->event))
                q->n++;
        else
                q->dropped++;
}

uint32_t event_queue_count(const struct event_queue *q)
{
        return q->n;
}

const struct queued_event *event_queue_at(const struct event_queue *q, uint32_t i)
{
        return i < q->n ? &q->events[i] : NULL;
}

void event_queue_reset(struct event_queue *q)
{
        q->n = 0;
        if (q->room > EVENTS_KEPT) {
                free(q->events);
                q->events = NULL;
                q->room = 0;
        }
        if (q->n_chunks > CHUNKS_KEPT)
                free_chunks(q);
        q->now = q->first;
        if (q->now)
                q->now->used = 0;
}

uint64_t event_queue_dropped(const struct event_queue *q)
{
        return q->dropped;
}
