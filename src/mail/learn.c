/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts peers of the last header that is believed, by address, network and confirmed name. Runs where mail/learn.h
 * says. */
#include "mail/learn.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/table.h"
#include "mail/kinds.h"

#define DAY      (86400 * NSEC_PER_SEC)
#define NET_V4   (96 + 24)
#define NET_V6   64
#define BY_NAMES 4 /* kept of one group; a fifth is already too many */

struct key {
        struct addr addr;
        char name[LEARN_NAME_MAX - 1];
        uint8_t kind;
};

struct group {
        struct key key;
        uint64_t mails, headers, forged;
        bool dynamic, several; /* addresses */
        struct addr first;
        char name[LEARN_NAME_MAX]; /* NETWORK: the domain of the first; else a reverse name */
        uint64_t named;            /* NETWORK: mails with that domain */
        struct {
                char name[LEARN_NAME_MAX];
                uint64_t n;
        } by[BY_NAMES];
        unsigned n_days, n_beneath;
        int64_t days[LEARN_SEEN];
        struct addr beneath[LEARN_SEEN];
};

struct learn {
        struct chain_trust trust; /* with what was proposed */
        struct chain_net *nets;
        const char **names;
        char kept[LEARN_STEPS][LEARN_NAME_MAX + 1];
        struct learn_step steps[LEARN_STEPS];
        unsigned n_steps;
        struct table *groups;
        uint64_t of;
        struct chain chain; /* of the mail in hand */
};

static const struct {
        const char *name, *title;
} whys[LEARN_WHYS] = {
        [LEARN_PROPOSED] = {"proposed", "it stands above all others"},
        [LEARN_NOBODY] = {"nobody", "no mail has a hop there"},
        [LEARN_FEW_MAILS] = {"few_mails", "there are too few mails to tell"},
        [LEARN_NOT_ON_TOP] = {"not_on_top", "many mails did not come through it"},
        [LEARN_PAST_IT] = {"past_it", "several others deliver past it"},
        [LEARN_FEW_DAYS] = {"few_days", "all mails came within few days"},
        [LEARN_SILENT] = {"silent", "it writes no headers of its own, so that to trust it tells nothing"},
        [LEARN_FORGED] = {"forged", "headers beneath it cannot be true"},
        [LEARN_NAMES] = {"names", "headers beneath it do not agree on who wrote them"},
        [LEARN_FEW_BENEATH] = {"few_beneath", "too few others stand beneath it"},
        [LEARN_EXCEPTED] = {"excepted", "it is configured as not to be trusted"},
        [LEARN_DEEP] = {"deep", "so many servers one behind the other are enough"},
        [LEARN_DYNAMIC] = {"dynamic", "its name is that of a customer's line"},
};

const char *learn_why_name(unsigned why)
{
        return why < LEARN_WHYS ? whys[why].name : "?";
}

const char *learn_why_title(unsigned why)
{
        return why < LEARN_WHYS ? whys[why].title : "?";
}

/* --- making --- */

int learn_new(const struct chain_trust *trust, struct learn **ret)
{
        const struct table_params params = {.name = "hops on top",
                                            .cap = LEARN_GROUPS,
                                            .key_size = sizeof(struct key),
                                            .entry_size = sizeof(struct group)};
        _cleanup_(learn_freep)
        struct learn *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        r = table_new(&params, &l->groups);
        if (r < 0)
                return r;
        l->nets = calloc(LEARN_STEPS + trust->trusted.n, sizeof(*l->nets));
        l->names = calloc(LEARN_STEPS + trust->n_names, sizeof(*l->names));
        if (!l->nets || !l->names)
                return -ENOMEM;
        /* Exceptions come first, so what is proposed goes behind what is configured. */
        if (trust->trusted.n)
                memcpy(l->nets, trust->trusted.items, trust->trusted.n * sizeof(*l->nets));
        if (trust->n_names)
                memcpy(l->names, trust->names, trust->n_names * sizeof(*l->names));
        l->trust = *trust;
        l->trust.trusted.items = l->nets;
        l->trust.names = l->names;
        *ret = TAKE_PTR(l);
        return 0;
}

void learn_free(struct learn *l)
{
        if (!l)
                return;
        table_free(l->groups);
        free(l->nets);
        free(l->names);
        free(l);
}

/* --- one mail --- */

static struct cidr net_of(const struct addr *a)
{
        struct cidr net = {.base = *a, .bits = addr_is_v4(a) ? NET_V4 : NET_V6};

        for (unsigned i = net.bits / 8; i < sizeof(net.base.b); i++)
                net.base.b[i] = 0;
        return net;
}

/* Names go to the screen and into a configuration: nothing but what names are made of. False: it is none. */
static bool keep_name(char to[static LEARN_NAME_MAX], struct slice name)
{
        if (name.len == 0 || name.len >= LEARN_NAME_MAX - 1)
                return false;
        for (uint32_t i = 0; i < name.len; i++) {
                if (!slice_is_alnum(name.p[i]) && name.p[i] != '-' && name.p[i] != '.')
                        return false;
                to[i] = (char) tolower((unsigned char) name.p[i]);
        }
        to[name.len] = 0;
        return true;
}

static bool same_name(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

static bool has_confirmed_name(const struct received *r)
{
        return received_has_name(r) && r->flags & RECEIVED_NAME_CONFIRMED &&
               !(r->flags & (RECEIVED_NAME_FORGED | RECEIVED_NAME_UNSURE));
}

/* What is noted of a mail's hop. */
struct hop {
        const struct received *r;
        char name[LEARN_NAME_MAX], domain[LEARN_NAME_MAX]; /* confirmed; "" */
        bool dynamic;
        int64_t day; /* negative: not known */
        /* Beneath it. */
        bool header, forged;
        char by[LEARN_NAME_MAX]; /* "" */
        unsigned n_beneath;
        struct addr beneath[LEARN_STEPS]; /* networks */
};

/* The next header is the hop's own, if it is what it seems; whom it saw, and whom that one saw, stand
 * beneath: a forwarder has all others behind it. */
static void read_beneath(const struct chain *c, struct hop *h)
{
        uint32_t i = c->boundary + 1;

        while (i < c->n_hops && c->hops[i].role == CHAIN_ORIGIN)
                i++;
        if (i == c->n_hops || c->hops[i].r.kind == RECEIVED_UNREAD)
                return;
        h->header = true;
        h->forged = c->hops[i].role == CHAIN_FORGED;
        if (c->hops[i].r.by.len == 0 || !keep_name(h->by, kinds_domain(c->hops[i].r.by)))
                h->by[0] = 0;
        for (; i < c->n_hops && h->n_beneath < ELEMENTSOF(h->beneath); i++) {
                const struct received *r = &c->hops[i].r;

                if (c->hops[i].role == CHAIN_ORIGIN || r->kind != RECEIVED_PEER || addr_is_loopback(&r->peer) ||
                    addr_equal(&r->peer, &h->r->peer))
                        continue;
                h->beneath[h->n_beneath++] = net_of(&r->peer).base;
        }
}

static void read_hop(const struct chain *c, struct hop *h)
{
        const struct received *r = &c->hops[c->boundary].r;

        *h = (struct hop){.r = r, .day = -1};
        if (r->date.flags & DATE_READ && r->date.time > 0)
                h->day = r->date.time / DAY;
        if (received_has_name(r))
                h->dynamic = kinds_dynamic(r->rdns, &r->peer) == ANSWER_YES;
        if (has_confirmed_name(r) && keep_name(h->name, r->rdns)) {
                struct slice domain = kinds_domain(r->rdns);

                if (!memchr(domain.p, '.', domain.len) || !keep_name(h->domain, domain))
                        h->domain[0] = 0;
        }
        read_beneath(c, h);
}

static void note_by(struct group *g, const char *by)
{
        for (unsigned i = 0; i < BY_NAMES && *by; i++) {
                if (!g->by[i].n)
                        memcpy(g->by[i].name, by, strlen(by) + 1);
                else if (!same_name(g->by[i].name, by))
                        continue;
                g->by[i].n++;
                return;
        }
}

static void note_day(struct group *g, int64_t day)
{
        for (unsigned i = 0; i < g->n_days; i++)
                if (g->days[i] == day)
                        return;
        if (day >= 0 && g->n_days < LEARN_SEEN)
                g->days[g->n_days++] = day;
}

static void note_beneath(struct group *g, const struct addr *net)
{
        for (unsigned i = 0; i < g->n_beneath; i++)
                if (addr_equal(&g->beneath[i], net))
                        return;
        if (g->n_beneath < LEARN_SEEN)
                g->beneath[g->n_beneath++] = *net;
}

static int note(struct learn *l, const struct key *key, const struct hop *h)
{
        const char *name = key->kind == LEARN_NETWORK ? h->domain : h->name;
        bool created;
        struct group *g = table_insert(l->groups, key, &created);

        if (!g)
                return -ENOMEM;
        if (created) {
                g->first = h->r->peer;
                memcpy(g->name, name, strlen(name) + 1);
        }
        g->mails++;
        g->several = g->several || !addr_equal(&g->first, &h->r->peer);
        g->dynamic = g->dynamic || h->dynamic;
        g->named += *name && same_name(g->name, name);
        g->headers += h->header;
        g->forged += h->forged;
        note_by(g, h->by);
        note_day(g, h->day);
        for (unsigned i = 0; i < h->n_beneath; i++)
                note_beneath(g, &h->beneath[i]);
        return 0;
}

static bool is_of(const struct learn_step *s, const struct received *r)
{
        char domain[LEARN_NAME_MAX];

        if (r->kind != RECEIVED_PEER)
                return false;
        if (s->kind != LEARN_NAME)
                return cidr_contains(&s->net, &r->peer);
        return has_confirmed_name(r) && keep_name(domain, kinds_domain(r->rdns)) && same_name(domain, s->name);
}

/* Did it come through what was proposed last? Other mails say nothing of whom that one saw. */
static bool came_through(const struct learn *l, const struct chain *c)
{
        if (l->n_steps == 0)
                return true;
        for (uint32_t i = 0; i < c->boundary; i++)
                if (c->hops[i].role == CHAIN_OWN && is_of(&l->steps[l->n_steps - 1], &c->hops[i].r))
                        return true;
        return false;
}

int learn_add(struct learn *l, const char *head, size_t len)
{
        struct key key = {.kind = LEARN_ADDRESS};
        struct hop h;
        int r;

        chain_read(head, len, &l->trust, &l->chain);
        if ((l->chain.end != CHAIN_END_RELAY && l->chain.end != CHAIN_END_BLIND) || !came_through(l, &l->chain))
                return 0;
        l->of++;
        if (l->chain.end == CHAIN_END_BLIND)
                return 0;
        read_hop(&l->chain, &h);
        key.addr = h.r->peer;
        r = note(l, &key, &h);
        key.kind = LEARN_NETWORK;
        key.addr = net_of(&h.r->peer).base;
        if (r == 0)
                r = note(l, &key, &h);
        if (r < 0 || !h.domain[0])
                return r;
        key = (struct key){.kind = LEARN_NAME};
        memcpy(key.name, h.domain, strlen(h.domain));
        return note(l, &key, &h);
}

/* --- the end of a step --- */

static bool is_part(uint64_t n, uint64_t of, unsigned percent)
{
        return n * 100 >= of * percent;
}

/* Networks from which mails come past the group. */
static unsigned others_of(const struct learn *l, const struct group *g)
{
        struct addr own = net_of(&g->first).base;
        unsigned n = 0;

        for (const struct group *o = table_oldest(l->groups); o; o = table_younger(l->groups, o)) {
                if (o->key.kind != LEARN_NETWORK)
                        continue;
                if (g->key.kind == LEARN_NAME)
                        n += !same_name(o->name, g->key.name) || o->named < o->mails;
                else
                        n += !addr_equal(&o->key.addr, &own) || o->mails > g->mails;
        }
        return n;
}

static uint64_t by_most(const struct group *g, const char **ret_name)
{
        uint64_t most = 0;

        *ret_name = "";
        for (unsigned i = 0; i < BY_NAMES; i++)
                if (g->by[i].n > most) {
                        most = g->by[i].n;
                        *ret_name = g->by[i].name;
                }
        return most;
}

static bool is_excepted(const struct learn *l, const struct addr *a)
{
        for (size_t i = 0; i < l->trust.trusted.n; i++)
                if (l->nets[i].except && cidr_contains(&l->nets[i].net, a))
                        return true;
        return false;
}

static enum learn_why judge(const struct learn *l, const struct group *g, unsigned others, uint64_t by)
{
        struct table_stats stats;

        table_get_stats(l->groups, &stats);
        if (l->of < LEARN_MAILS)
                return LEARN_FEW_MAILS;
        if (!is_part(g->mails, l->of, LEARN_COVER))
                return LEARN_NOT_ON_TOP;
        if (others > LEARN_OTHERS || stats.evicted)
                return LEARN_PAST_IT;
        if (is_excepted(l, &g->first))
                return LEARN_EXCEPTED;
        if (g->dynamic)
                return LEARN_DYNAMIC;
        if (g->n_days < LEARN_DAYS)
                return LEARN_FEW_DAYS;
        if (!is_part(g->headers, g->mails, LEARN_COVER))
                return LEARN_SILENT;
        if (is_part(g->forged, g->mails, 100 - LEARN_COVER) && g->forged)
                return LEARN_FORGED;
        if (!is_part(by, g->headers, LEARN_COVER))
                return LEARN_NAMES;
        return g->n_beneath < LEARN_BENEATH ? LEARN_FEW_BENEATH : LEARN_PROPOSED;
}

static void look(const struct learn *l, const struct group *g, struct learn_step *ret)
{
        struct learn_step s = {.kind = g->key.kind,
                               .mails = g->mails,
                               .of = l->of,
                               .others = others_of(l, g),
                               .days = g->n_days,
                               .beneath = g->n_beneath};
        const char *by;
        uint64_t most = by_most(g, &by);

        s.why = judge(l, g, s.others, most);
        memcpy(s.by, by, strlen(by) + 1);
        s.net = g->key.kind == LEARN_NETWORK ? net_of(&g->key.addr) : (struct cidr){g->key.addr, 128};
        memcpy(s.name, g->name, sizeof(s.name));
        if (g->key.kind == LEARN_NAME)
                memcpy(s.name, g->key.name, sizeof(g->key.name));
        *ret = s;
}

/* The group of that kind with most mails. NULL: none. */
static const struct group *best_of(const struct learn *l, unsigned kind)
{
        const struct group *best = NULL;

        for (const struct group *g = table_oldest(l->groups); g; g = table_younger(l->groups, g))
                if (g->key.kind == kind && (kind != LEARN_NETWORK || g->several) && (!best || g->mails > best->mails))
                        best = g;
        return best;
}

static void take_step(struct learn *l, const struct learn_step *s)
{
        unsigned i = l->n_steps++;

        l->steps[i] = *s;
        if (s->kind == LEARN_NAME) {
                l->kept[i][0] = '.';
                memcpy(l->kept[i] + 1, s->name, sizeof(s->name));
                l->names[l->trust.n_names++] = l->kept[i];
        } else
                l->nets[l->trust.trusted.n++] = (struct chain_net){.net = s->net};
}

bool learn_end(struct learn *l, struct learn_step *ret)
{
        struct learn_step best = {.why = LEARN_NOBODY, .of = l->of}, s;

        /* The narrowest that does. */
        for (unsigned kind = LEARN_ADDRESS; kind < LEARN_KINDS && best.why != LEARN_PROPOSED; kind++) {
                const struct group *g = best_of(l, kind);

                if (!g)
                        continue;
                look(l, g, &s);
                if (best.why == LEARN_NOBODY || s.why == LEARN_PROPOSED)
                        best = s;
        }
        table_clear(l->groups);
        l->of = 0;
        if (best.why == LEARN_PROPOSED && l->n_steps == LEARN_STEPS)
                best.why = LEARN_DEEP;
        *ret = best;
        if (best.why != LEARN_PROPOSED)
                return false;
        take_step(l, &best);
        return true;
}

void learn_trust_text(const struct learn_step *s, struct buf *out)
{
        char text[ADDR_TEXT_MAX];
        unsigned bits = s->net.bits;

        if (s->kind == LEARN_NAME) {
                (void) buf_printf(out, ".%s", s->name);
                return;
        }
        (void) buf_puts(out, addr_format(&s->net.base, text));
        if (s->kind == LEARN_NETWORK)
                (void) buf_printf(out, "/%u", addr_is_v4(&s->net.base) ? bits - 96 : bits);
}
