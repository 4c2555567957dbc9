/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See strangers.h. Runs in the engine. */
#include "daemon/strangers.h"

#include <errno.h>
#include <netinet/in.h>
#include <xxhash.h>

#include "config/home.h"
#include "model/evidence.h"

struct stranger {
        struct addr addr; /* the key */
        nsec_t tried;     /* the last of `tries` */
        uint64_t tries;   /* ends of ours that did not answer it, by hash */
        nsec_t attacked;  /* last; 0: never */
        nsec_t proxied;
        nsec_t syn_at;
        struct os_syn syn;
};

struct strangers {
        struct home *home;
        struct config_cidrs dark; /* the configuration's */
        struct table *table;
};

int strangers_new(const struct config *config, struct strangers **ret)
{
        const struct table_params p = {.name = "strangers",
                                       .cap = STRANGERS_MAX,
                                       .key_size = sizeof(struct addr),
                                       .entry_size = sizeof(struct stranger)};
        _cleanup_(strangers_freep)
        struct strangers *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        r = home_new(&config->home, &s->home);
        if (r == 0)
                r = table_new(&p, &s->table);
        if (r == 0 && config->network.dark.n) {
                size_t size = config->network.dark.n * sizeof(*s->dark.items);

                s->dark.items = malloc(size);
                if (!s->dark.items)
                        return -ENOMEM;
                memcpy(s->dark.items, config->network.dark.items, size);
                s->dark.n = config->network.dark.n;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void strangers_free(struct strangers *s)
{
        if (!s)
                return;
        home_free(s->home);
        free(s->dark.items);
        table_free(s->table);
        free(s);
}

static struct stranger *stranger_of(struct strangers *s, const struct addr *a)
{
        bool created;

        if (home_has(s->home, a) || addr_is_unspecified(a) || addr_is_loopback(a) || addr_is_multicast(a))
                return NULL;
        return table_insert(s->table, a, &created);
}

static bool is_dark(const struct strangers *s, const struct addr *a)
{
        for (size_t i = 0; i < s->dark.n; i++)
                if (cidr_contains(&s->dark.items[i], a))
                        return true;
        return false;
}

/* It asked, and nobody was there. */
static void on_flow(struct strangers *s, const struct event *e)
{
        const struct flow_event *f = &e->flow;
        struct {
                struct addr local;
                uint16_t port, proto;
        } end = {f->local, f->local_port, f->proto};
        struct stranger *x;

        if (f->origin != FLOW_ACCEPTED || f->flags & (FLOW_BOTH_HOME | FLOW_MIDSTREAM | FLOW_NO_PEER) ||
            (f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP))
                return;
        if (f->state != FLOW_STATE_FAILED && !is_dark(s, &f->local))
                return;
        x = stranger_of(s, &f->remote);
        if (!x)
                return;
        if (e->time - x->tried > STRANGERS_NEAR)
                x->tries = 0;
        x->tried = e->time;
        x->tries |= UINT64_C(1) << (XXH64(&end, sizeof(end), 0) % 64);
        if (is_dark(s, &f->local) || __builtin_popcountll(x->tries) >= STRANGERS_TRIES)
                x->attacked = e->time;
}

static void on_alert(struct strangers *s, const struct event *e)
{
        const struct alert_event *a = &e->alert;
        struct stranger *x;

        /* Rules that speak of a break-in; others say what people do. */
        if (a->ends.from_local || a->ends.flags & (ENDS_BOTH_HOME | ENDS_NO_HOME) || a->stage != STAGE_INFECT + 1)
                return;
        x = stranger_of(s, &a->ends.remote);
        if (x)
                x->attacked = e->time;
}

/* One of ours asked it for a connection to somebody else, and got it. */
static void on_proxy(struct strangers *s, const struct event *e)
{
        const struct proxy_event *p = &e->proxy;
        struct stranger *x;

        if (e->op != PROXY_REPLY || !p->granted || p->ends.origin != FLOW_ORIGINATED || p->ends.flags & ENDS_BOTH_HOME)
                return;
        x = stranger_of(s, &p->ends.remote);
        if (x)
                x->proxied = e->time;
}

void strangers_event(struct strangers *s, const struct event *e)
{
        if (e->type == EVENT_FLOW)
                on_flow(s, e);
        else if (e->type == EVENT_ALERT)
                on_alert(s, e);
        else if (e->type == EVENT_PROXY)
                on_proxy(s, e);
}

void strangers_syn(struct strangers *s, const struct os_syn *syn, nsec_t now)
{
        struct stranger *x = syn->answer || !home_has(s->home, &syn->dst) ? NULL : stranger_of(s, &syn->src);

        if (!x)
                return;
        x->syn = *syn;
        x->syn_at = now;
}

static bool is_near(nsec_t at, nsec_t when)
{
        return at && at - when <= STRANGERS_NEAR && when - at <= STRANGERS_NEAR;
}

void strangers_ask(struct strangers *s, const struct addr *a, nsec_t when, struct inquiry_seen *ret)
{
        const struct stranger *x = table_peek(s->table, a);

        *ret = (struct inquiry_seen){0};
        if (!x)
                return;
        if (is_near(x->syn_at, when)) {
                ret->has_syn = true;
                ret->syn = x->syn;
        }
        if (is_near(x->attacked, when))
                ret->attacked = ANSWER_YES;
        if (is_near(x->proxied, when))
                ret->proxy = ANSWER_YES;
}

void strangers_get_stats(const struct strangers *s, struct table_stats *ret)
{
        table_get_stats(s->table, ret);
}
