/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions about relays, as steps of queries: the reverse name and its names' addresses; a list's test entries and the
 * relay's own. Runs where mail/resolve.h says. */
#include "mail/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/resolve_internal.h"

#define CHECK_HOLDS  (3600 * NSEC_PER_SEC) /* a list that was right is right for so long */
#define BROKEN_HOLDS (600 * NSEC_PER_SEC)

/* --- making and ending --- */

static void fill_defaults(struct resolve_params *p)
{
        p->concurrent = p->concurrent ? p->concurrent : 64;
        p->per_second = p->per_second ? MIN(p->per_second, 1000000u) : 100;
        p->waiting = p->waiting ? p->waiting : 4096;
        p->cache = p->cache ? p->cache : 4096;
        p->timeout = p->timeout ? p->timeout : 10 * NSEC_PER_SEC;
        p->try_timeout = p->try_timeout ? p->try_timeout : 2 * NSEC_PER_SEC;
        p->tries = p->tries ? p->tries : 2;
        p->lists = NULL;
        p->servers = NULL;
}

int resolve_new(const struct resolve_params *params, struct resolve **ret)
{
        _cleanup_(resolve_freep)
        struct resolve *r = calloc(1, sizeof(*r));
        struct table_params queries = {.name = "DNS queries", .key_size = sizeof(struct query_key)};
        struct table_params kept = {.name = "DNS answers", .key_size = sizeof(struct query_key)};
        int e;

        if (!r)
                return -ENOMEM;
        r->epoll = r->timer = -EBADF;
        r->p = *params;
        fill_defaults(&r->p);
        if (params->n_lists > RESOLVE_LISTS_MAX)
                return -E2BIG;
        for (unsigned i = 0; i < params->n_lists; i++)
                r->lists[i].list = params->lists[i];
        r->queries_max = queries.cap = r->p.waiting + r->p.concurrent + 1;
        queries.entry_size = sizeof(struct query);
        kept.cap = r->p.cache;
        kept.entry_size = sizeof(struct kept);
        e = table_new(&queries, &r->queries);
        if (e >= 0)
                e = table_new(&kept, &r->kept);
        if (e >= 0)
                e = resolve_query_open(r, params->servers);
        if (e < 0)
                return e;
        *ret = TAKE_PTR(r);
        return 0;
}

void resolve_free(struct resolve *r)
{
        if (!r)
                return;
        resolve_query_close(r);
        while (r->oldest) {
                struct question *q = r->oldest;

                r->oldest = q->next;
                free(q);
        }
        table_free(r->queries);
        table_free(r->kept);
        free(r);
}

int resolve_fd(const struct resolve *r)
{
        return r->epoll;
}

unsigned resolve_waiting(const struct resolve *r)
{
        return r->n_questions;
}

void resolve_get_stats(const struct resolve *r, struct resolve_stats *ret)
{
        *ret = r->stats;
}

/* --- names --- */

static void reverse_name(const struct addr *a, char ret[static DNSBL_NAME_MAX])
{
        struct dnsbl zone = {0};

        strcpy(zone.zone, addr_is_v4(a) ? "in-addr.arpa" : "ip6.arpa");
        dnsbl_name(&zone, a, ret);
}

static bool has_addr(const struct reply *reply, const struct addr *a)
{
        for (unsigned i = 0; i < reply->n; i++)
                if (addr_equal(&reply->addrs[i], a))
                        return true;
        return false;
}

/* The reverse name's reply. True: there are names to look up. */
static bool took_names(struct question *q)
{
        struct resolve_names *out = &q->names.out;

        if (!q->result.known)
                return false;
        if (q->result.reply.n == 0) {
                /* Names that no host can have are no names, and no certainty that there is none. */
                if (!q->result.reply.more)
                        out->has_name = out->confirmed = ANSWER_NO;
                return false;
        }
        out->has_name = ANSWER_YES;
        out->n = q->result.reply.n;
        memcpy(out->names, q->result.reply.names, sizeof(out->names));
        q->names.unsure = q->result.reply.more;
        return true;
}

/* One name's addresses. True: they hold the relay's. */
static bool took_addrs(struct question *q)
{
        struct resolve_names *out = &q->names.out;
        unsigned i = q->step - 2;

        if (!q->result.known || q->result.reply.more)
                q->names.unsure = true;
        if (!q->result.known || !has_addr(&q->result.reply, &q->addr))
                return false;
        out->confirmed = ANSWER_YES;
        if (i > 0) {
                char name[REPLY_NAME_MAX];

                memcpy(name, out->names[i], sizeof(name));
                memcpy(out->names[i], out->names[0], sizeof(name));
                memcpy(out->names[0], name, sizeof(name));
        }
        return true;
}

/* Goes on until it waits again (-EINPROGRESS) or is done (0). */
static int go_on_names(struct resolve *r, struct question *q)
{
        enum reply_type type = addr_is_v4(&q->addr) ? REPLY_A : REPLY_AAAA;
        char name[DNSBL_NAME_MAX];
        int e;

        while (!q->query) {
                if (q->step == 0) {
                        reverse_name(&q->addr, name);
                        e = resolve_query_want(r, q, REPLY_PTR, name);
                } else {
                        if (q->step == 1 ? !took_names(q) : took_addrs(q))
                                return 0;
                        if (q->step - 1 == q->names.out.n) {
                                q->names.out.confirmed = q->names.unsure ? ANSWER_UNKNOWN : ANSWER_NO;
                                return 0;
                        }
                        e = resolve_query_want(r, q, type, q->names.out.names[q->step - 1]);
                }
                if (e < 0)
                        return 0;
                q->step++;
        }
        return -EINPROGRESS;
}

/* --- lists --- */

enum { LIST_BEGIN, LIST_MUST, LIST_MUST_NOT, LIST_RELAY };

static int want_listing(struct resolve *r, struct question *q, const struct addr *a)
{
        char name[DNSBL_NAME_MAX];

        dnsbl_name(&r->lists[q->list.out.list].list, a, name);
        return resolve_query_want(r, q, REPLY_A, name);
}

static enum answer judge(struct resolve *r, const struct question *q, uint32_t *ret_meanings)
{
        *ret_meanings = 0;
        if (!q->result.known || (q->result.reply.more && q->result.reply.n == 0))
                return ANSWER_UNKNOWN;
        return dnsbl_judge(&r->lists[q->list.out.list].list, q->result.reply.addrs, q->result.reply.n, ret_meanings);
}

/* RFC 5782 5: a list has 127.0.0.2 and has not 127.0.0.1. One that has died answers nothing, or everything. */
static int go_on_list(struct resolve *r, struct question *q)
{
        static const struct addr must = {{[10] = 0xff, [11] = 0xff, 127, 0, 0, 2}};
        static const struct addr must_not = {{[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}};
        struct list_state *l = &r->lists[q->list.out.list];
        uint32_t meanings;
        enum answer answer;
        int e = 0;

        while (!q->query && e >= 0) {
                switch (q->step) {
                case LIST_BEGIN:
                        if (l->broken_until > r->now) {
                                q->list.out.broken = true;
                                return 0;
                        }
                        if (l->list.unchecked || l->checked_until > r->now) {
                                q->step = LIST_MUST_NOT;
                                e = want_listing(r, q, &q->addr);
                        } else
                                e = want_listing(r, q, &must);
                        break;
                case LIST_MUST:
                case LIST_MUST_NOT:
                        answer = judge(r, q, &meanings);
                        if (answer == ANSWER_UNKNOWN)
                                return 0;
                        if (answer != (q->step == LIST_MUST ? ANSWER_YES : ANSWER_NO)) {
                                l->broken_until = r->now + BROKEN_HOLDS;
                                q->list.out.broken = true;
                                return 0;
                        }
                        if (q->step == LIST_MUST_NOT)
                                l->checked_until = r->now + CHECK_HOLDS;
                        e = want_listing(r, q, q->step == LIST_MUST ? &must_not : &q->addr);
                        break;
                default:
                        q->list.out.listed = judge(r, q, &q->list.out.meanings);
                        return 0;
                }
                q->step++;
        }
        return e < 0 ? 0 : -EINPROGRESS;
}

/* --- questions --- */

static int ask(struct resolve *r, nsec_t now, const struct addr *a, void *userdata, struct question **ret)
{
        struct question *q;

        r->now = MAX(r->now, now);
        if (r->n_questions >= r->p.waiting) {
                r->stats.dropped++;
                return -ENOBUFS;
        }
        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->addr = *a;
        q->userdata = userdata;
        q->deadline = r->now + r->p.timeout;
        q->previous = r->newest;
        if (r->newest)
                r->newest->next = q;
        else
                r->oldest = q;
        r->newest = q;
        r->n_questions++;
        r->stats.questions++;
        resolve_query_arm(r, r->now); /* what is known already is called back soon */
        *ret = q;
        return 0;
}

int resolve_ask_names(struct resolve *r, nsec_t now, const struct addr *a, resolve_names_func func, void *userdata)
{
        struct question *q;
        int e = ask(r, now, a, userdata, &q);

        if (e < 0)
                return e;
        q->kind = QUESTION_NAMES;
        q->names.func = func;
        return 0;
}

int resolve_ask_list(struct resolve *r, nsec_t now, unsigned list, const struct addr *a, resolve_listing_func func,
                     void *userdata)
{
        struct question *q;
        int e;

        if (list >= r->p.n_lists)
                return -EINVAL;
        e = ask(r, now, a, userdata, &q);
        if (e < 0)
                return e;
        q->kind = QUESTION_LIST;
        q->list.func = func;
        q->list.out.list = list;
        return 0;
}

/* Takes it out of the list and calls back; the function may ask anew. */
static void answer(struct resolve *r, struct question *q)
{
        resolve_query_leave(q);
        *(q->previous ? &q->previous->next : &r->oldest) = q->next;
        *(q->next ? &q->next->previous : &r->newest) = q->previous;
        r->n_questions--;
        if (q->kind == QUESTION_NAMES)
                q->names.func(q->userdata, &q->addr, &q->names.out);
        else
                q->list.func(q->userdata, &q->addr, &q->list.out);
        free(q);
}

static bool is_done(struct resolve *r, struct question *q)
{
        if (q->query)
                return q->deadline <= r->now;
        if (r->p.offline)
                return true;
        return (q->kind == QUESTION_NAMES ? go_on_names(r, q) : go_on_list(r, q)) == 0;
}

void resolve_process(struct resolve *r, nsec_t now)
{
        struct question *last;

        r->now = MAX(r->now, now);
        resolve_query_run(r);
        /* What the callbacks ask comes at the next call: this one ends. */
        last = r->newest;
        r->ready = false;
        for (struct question *q = r->oldest, *next; q; q = next) {
                bool end = q == last;

                next = q->next;
                if (is_done(r, q))
                        answer(r, q);
                if (end)
                        break;
        }
        resolve_query_run(r);
        /* What was asked in a callback is a question that has not gone on yet. */
        if (r->ready || (r->newest && !r->newest->query))
                resolve_query_arm(r, r->now);
        else
                resolve_query_arm(r, r->oldest ? r->oldest->deadline : INT64_MAX);
}
