/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rules name an address: lists of known bad hosts are a thousand rules of some tens of addresses each, and a
 * packet must not ask them all. The ends of all ranges cut the addresses into intervals, each with its rules. Runs
 * where rules are compiled; the search in the engine and in `read`. */
#include "rules/prefilter_internal.h"

#include <errno.h>
#include <string.h>

/* Rules over all intervals at most: beyond, wide ranges overlap too much. */
#define RANKS_MAX (4u << 20)

struct edge {
        struct addr at;
        uint32_t rank;
        bool begins;
};

static int compare(const void *a, const void *b)
{
        const struct edge *x = a, *y = b;
        int r = memcmp(&x->at, &y->at, sizeof(x->at));

        if (r == 0)
                r = x->begins - y->begins;
        return r ? r : x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* The address behind; false: there is none. */
static bool next_address(struct addr *a)
{
        for (int i = 15; i >= 0; i--)
                if (++a->b[i])
                        return true;
        return false;
}

static const struct rule_end *end_of(const struct rule *r, unsigned end)
{
        return end == BY_SOURCE ? &r->src : &r->dst;
}

static void mark_v4(struct prefilter_addresses *a, const struct rule_range_addr *r)
{
        if (addr_is_v4(&r->from) && addr_is_v4(&r->to)) {
                for (unsigned i = r->from.b[12] << 8 | r->from.b[13]; i <= (unsigned) (r->to.b[12] << 8 | r->to.b[13]);
                     i++)
                        a->v4[i / 64] |= UINT64_C(1) << i % 64;
        } else if (!addr_is_v4(&r->from) && !addr_is_v4(&r->to) &&
                   (r->to.b[0] || memcmp(r->to.b, (uint8_t[10]){0}, 10) != 0)) {
                a->v6 = true;
                if (memcmp(r->from.b, (uint8_t[12]){0}, 12) == 0) /* a range over all of IPv4 too */
                        memset(a->v4, 0xff, sizeof(a->v4));
        } else {
                a->v6 = true;
                memset(a->v4, 0xff, sizeof(a->v4));
        }
}

static int collect(struct prefilter *p, const struct prefilter_members *m, unsigned end, struct prefilter_addresses *a,
                   struct edge **ret, uint32_t *ret_n)
{
        uint32_t n = 0, k = 0;
        struct edge *edges;

        for (uint32_t i = 0; i < m->n; i++)
                n += end_of(p->rules[m->ranks[i]].rule, end)->n_addrs;
        edges = calloc(2u * n + 1, sizeof(*edges));
        if (!edges)
                return -ENOMEM;
        for (uint32_t i = 0; i < m->n; i++) {
                const struct rule_end *e = end_of(p->rules[m->ranks[i]].rule, end);

                for (uint32_t j = 0; j < e->n_addrs; j++) {
                        struct addr behind = e->addrs[j].to;

                        mark_v4(a, &e->addrs[j]);
                        edges[k++] = (struct edge){e->addrs[j].from, m->ranks[i], true};
                        if (next_address(&behind))
                                edges[k++] = (struct edge){behind, m->ranks[i], false};
                }
        }
        qsort(edges, k, sizeof(*edges), compare);
        *ret = edges;
        *ret_n = k;
        return 0;
}

static void apply(struct prefilter_members *active, const struct edge *e)
{
        if (e->begins) {
                active->ranks[active->n++] = e->rank;
                return;
        }
        for (uint32_t i = 0; i < active->n; i++)
                if (active->ranks[i] == e->rank) {
                        active->ranks[i] = active->ranks[--active->n];
                        return;
                }
}

/* Goes over the edges; without memory to fill it counts intervals and ranks. */
static int sweep(struct prefilter_addresses *a, const struct edge *edges, uint32_t n, struct prefilter_members *active,
                 uint32_t *ret_ranks)
{
        uint32_t ranks = 0, intervals = 0;

        active->n = 0;
        for (uint32_t i = 0; i < n;) {
                uint32_t k = i;

                for (; k < n && addr_equal(&edges[i].at, &edges[k].at); k++)
                        apply(active, &edges[k]);
                if (a->ranks) {
                        a->from[intervals] = edges[i].at;
                        a->first[intervals] = ranks;
                        memcpy(a->ranks + ranks, active->ranks, active->n * sizeof(*a->ranks));
                }
                ranks += active->n;
                intervals++;
                if (ranks > RANKS_MAX)
                        return -E2BIG;
                i = k;
        }
        if (a->ranks)
                a->first[intervals] = ranks;
        a->n = intervals;
        *ret_ranks = ranks;
        return 0;
}

int prefilter_addresses_build(struct prefilter *p, const struct prefilter_members *m, unsigned end,
                              struct prefilter_addresses **ret)
{
        struct prefilter_addresses *a = calloc(1, sizeof(*a));
        struct prefilter_members active = {0};
        _cleanup_free_ struct edge *edges = NULL;
        uint32_t n = 0, ranks = 0;
        int r = a ? collect(p, m, end, a, &edges, &n) : -ENOMEM;

        if (r == 0 && !(active.ranks = calloc(n + 1, sizeof(*active.ranks))))
                r = -ENOMEM;
        if (r == 0)
                r = sweep(a, edges, n, &active, &ranks);
        if (r == 0) {
                a->from = calloc(a->n + 1, sizeof(*a->from));
                a->first = calloc(a->n + 1, sizeof(*a->first));
                a->ranks = calloc(ranks + 1, sizeof(*a->ranks));
                r = a->from && a->first && a->ranks ? sweep(a, edges, n, &active, &ranks) : -ENOMEM;
        }
        free(active.ranks);
        if (r < 0) {
                prefilter_addresses_free(a);
                return r;
        }
        p->bytes += sizeof(*a) + (uint64_t) a->n * (sizeof(*a->from) + sizeof(*a->first)) + ranks * sizeof(*a->ranks);
        *ret = a;
        return 0;
}

void prefilter_addresses_free(struct prefilter_addresses *a)
{
        if (!a)
                return;
        free(a->from);
        free(a->first);
        free(a->ranks);
        free(a);
}

bool prefilter_addresses_find(const struct prefilter_addresses *a, const struct addr *of, struct candidates *c)
{
        uint32_t from = 0, to = a->n;

        if (addr_is_v4(of)) {
                unsigned half = of->b[12] << 8 | of->b[13];

                if (!(a->v4[half / 64] & UINT64_C(1) << half % 64))
                        return false;
        } else if (!a->v6) {
                return false;
        }
        while (from < to) { /* the last interval that begins at or before it */
                uint32_t middle = from + (to - from) / 2;

                if (memcmp(&a->from[middle], of, sizeof(*of)) <= 0)
                        from = middle + 1;
                else
                        to = middle;
        }
        if (from == 0)
                return false;
        for (uint32_t i = a->first[from - 1]; c && i < a->first[from]; i++)
                candidates_add(c, a->ranks[i]);
        return a->first[from - 1] < a->first[from];
}

static unsigned range_bits(const struct rule_range_addr *r)
{
        for (unsigned i = 0; i < 16; i++)
                if (r->from.b[i] != r->to.b[i]) {
                        unsigned apart = r->to.b[i] - r->from.b[i];

                        return (15 - i) * 8 + (32 - (unsigned) __builtin_clz(apart));
                }
        return 0;
}

/* As a power of two of IPv4 addresses; a /48 of IPv6 stands for one. */
static unsigned range_width(const struct rule_range_addr *r)
{
        unsigned bits = range_bits(r);

        if (addr_is_v4(&r->from) && addr_is_v4(&r->to))
                return bits;
        return addr_is_v4(&r->from) || addr_is_v4(&r->to) ? 128 : bits - MIN(bits, 80u);
}

unsigned prefilter_addresses_width(const struct rule_end *e)
{
        unsigned width = 0;

        if (e->any_addr)
                return 128;
        for (uint32_t i = 0; i < e->n_addrs; i++)
                width = MAX(width, range_width(&e->addrs[i]));
        return width;
}
