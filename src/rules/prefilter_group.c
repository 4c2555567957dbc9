/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of one kind and direction, kept apart by what a packet shows at once: the application, the ports, and for
 * rules that ask for no bytes the addresses. A packet meets the rules for all ports, those of its application, of its
 * source port and of its destination port: four small databases at most, of which most packets have one or two. Runs
 * where rules are compiled. */
#include "rules/prefilter_internal.h"

#include <errno.h>

#define SETS (PREFILTER_CLASSES + 1)

/* A list of addresses that is no wider than this (all of it within a /2) is worth looking up. */
#define WIDTH_NAMED 30

/* Where a rule stands. */
enum place {
        PLACE_ANY,
        PLACE_APP,
        PLACE_SOURCE,
        PLACE_DESTINATION,
        PLACE_EITHER_PORT,
        PLACE_SOURCE_ADDRESS,
        PLACE_DESTINATION_ADDRESS
};

struct group_members {
        struct prefilter_members any, apps[APPS], ports[2], addresses[2];
};

static void members_done(struct group_members *m)
{
        free(m->any.ranks);
        for (unsigned i = 0; i < APPS; i++)
                free(m->apps[i].ranks);
        for (unsigned i = 0; i < 2; i++) {
                free(m->ports[i].ranks);
                free(m->addresses[i].ranks);
        }
}

static bool has_ports(enum prefilter_kind kind)
{
        return kind == KIND_TCP_STREAM || kind == KIND_TCP_PACKET || kind == KIND_UDP || kind == KIND_HEAD_TCP_PLAIN ||
               kind == KIND_HEAD_TCP_SPECIAL || kind == KIND_HEAD_UDP || kind == KIND_ADDRESSES;
}

static enum place place_of(const struct prefilter_rule *r, enum prefilter_kind kind)
{
        const struct rule *rule = r->rule;
        unsigned src = prefilter_addresses_width(&rule->src), dst = prefilter_addresses_width(&rule->dst);
        unsigned from = prefilter_ports_n(&rule->src), to = prefilter_ports_n(&rule->dst);
        bool both = rule->flags & RULE_BIDIRECTIONAL,
             by_port = has_ports(kind) && MIN(from, to) <= PREFILTER_PORTS_WIDE;

        if (rule->app != APP_UNKNOWN && kind < KIND_HEAD_TCP_PLAIN)
                return PLACE_APP;
        if (by_port)
                return both ? PLACE_EITHER_PORT : to <= from ? PLACE_DESTINATION : PLACE_SOURCE;
        if (kind >= KIND_HEAD_TCP_PLAIN && !both && MIN(src, dst) <= WIDTH_NAMED)
                return src <= dst ? PLACE_SOURCE_ADDRESS : PLACE_DESTINATION_ADDRESS;
        return rule->app != APP_UNKNOWN ? PLACE_APP : PLACE_ANY;
}

static int sort(const struct prefilter *p, enum prefilter_kind kind, const struct prefilter_members *m,
                struct group_members *ret)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < m->n; i++) {
                const struct prefilter_rule *rule = &p->rules[m->ranks[i]];
                struct prefilter_members *to = &ret->any;

                switch (place_of(rule, kind)) {
                case PLACE_ANY:
                        break;
                case PLACE_APP:
                        to = &ret->apps[rule->rule->app % APPS];
                        break;
                case PLACE_SOURCE:
                        to = &ret->ports[BY_SOURCE];
                        break;
                case PLACE_DESTINATION:
                        to = &ret->ports[BY_DESTINATION];
                        break;
                case PLACE_EITHER_PORT:
                        to = &ret->ports[BY_DESTINATION];
                        r = prefilter_members_add(&ret->ports[BY_SOURCE], m->ranks[i]);
                        break;
                case PLACE_SOURCE_ADDRESS:
                        to = &ret->addresses[BY_SOURCE];
                        break;
                case PLACE_DESTINATION_ADDRESS:
                        to = &ret->addresses[BY_DESTINATION];
                        break;
                }
                if (r == 0)
                        r = prefilter_members_add(to, m->ranks[i]);
        }
        return r;
}

/* Of a rule for both directions either port may be the one that it names. */
static const struct rule_end *end_of(const struct prefilter *p, uint32_t rank, unsigned end)
{
        const struct rule *r = p->rules[rank].rule;

        if (r->flags & RULE_BIDIRECTIONAL)
                return prefilter_ports_n(&r->src) < prefilter_ports_n(&r->dst) ? &r->src : &r->dst;
        return end == BY_SOURCE ? &r->src : &r->dst;
}

static uint64_t mix(uint64_t x) /* splitmix64, Steele et al. 2014 */
{
        x += 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        return x ^ x >> 31;
}

/* Ports that the same rules name. */
struct port_set {
        uint64_t names; /* sum over their ports' rules; 0: none */
        uint32_t port, rules;
};

static int compare_names(const void *a, const void *b)
{
        const struct port_set *x = a, *y = b;

        if (x->names != y->names)
                return x->names < y->names ? -1 : 1;
        return x->port < y->port ? -1 : x->port > y->port;
}

/* Most rules first; the port decides among equals, so that the outcome is the same everywhere. */
static int compare_rules(const void *a, const void *b)
{
        const struct port_set *x = a, *y = b;

        if (x->rules != y->rules)
                return x->rules > y->rules ? -1 : 1;
        return x->port < y->port ? -1 : x->port > y->port;
}

/* Gives the sets of ports that most rules name a class of their own, all others the last. */
static int classify(const struct prefilter *p, const struct prefilter_members *m, unsigned end, uint8_t *class_of)
{
        _cleanup_free_ struct port_set *ports = calloc(65536, sizeof(*ports)), *sets = calloc(65536, sizeof(*sets));
        uint32_t n = 0;

        if (!ports || !sets)
                return -ENOMEM;
        for (uint32_t i = 0; i < 65536; i++)
                ports[i].port = i;
        for (uint32_t i = 0; i < m->n; i++) {
                const struct rule_end *e = end_of(p, m->ranks[i], end);

                for (uint32_t k = 0; k < e->n_ports; k++)
                        for (uint32_t port = e->ports[k].from; port <= e->ports[k].to; port++) {
                                ports[port].names += mix(m->ranks[i] + 1u);
                                ports[port].rules++;
                        }
        }
        qsort(ports, 65536, sizeof(*ports), compare_names);
        for (uint32_t i = 0; i < 65536; i++)
                if (ports[i].rules && (n == 0 || sets[n - 1].names != ports[i].names))
                        sets[n++] = ports[i];
        qsort(sets, n, sizeof(*sets), compare_rules);
        for (uint32_t i = 0; i < 65536; i++) {
                uint32_t k = 0;

                if (!ports[i].rules)
                        continue;
                while (k < MIN(n, PREFILTER_CLASSES) && sets[k].names != ports[i].names)
                        k++;
                class_of[ports[i].port] = (uint8_t) (MIN(k, PREFILTER_CLASSES) + 1);
        }
        return 0;
}

static uint64_t classes_named(const struct rule_end *e, const uint8_t *class_of)
{
        uint64_t classes = 0;

        for (uint32_t k = 0; k < e->n_ports; k++)
                for (uint32_t port = e->ports[k].from; port <= e->ports[k].to; port++)
                        classes |= UINT64_C(1) << (class_of[port] - 1);
        return classes;
}

static int build_ports(struct prefilter *p, const struct prefilter_members *m, unsigned end, struct prefilter_group *g)
{
        struct prefilter_members of_class[SETS] = {0};
        int r;

        if (m->n == 0)
                return 0;
        g->class_of[end] = calloc(65536, 1);
        g->ports[end] = calloc(SETS, sizeof(*g->ports[end]));
        if (!g->class_of[end] || !g->ports[end])
                return -ENOMEM;
        p->bytes += 65536;
        r = classify(p, m, end, g->class_of[end]);
        for (uint32_t i = 0; r == 0 && i < m->n; i++) {
                uint64_t classes = classes_named(end_of(p, m->ranks[i], end), g->class_of[end]);

                for (unsigned k = 0; r == 0 && k < SETS; k++)
                        if (classes & UINT64_C(1) << k)
                                r = prefilter_members_add(&of_class[k], m->ranks[i]);
        }
        for (unsigned k = 0; k < SETS; k++) {
                if (r == 0)
                        r = prefilter_sets_build(p, &of_class[k], &g->ports[end][k]);
                free(of_class[k].ranks);
        }
        return r;
}

static int build_apps(struct prefilter *p, const struct group_members *m, struct prefilter_group *g)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && i < APPS; i++) {
                if (m->apps[i].n == 0)
                        continue;
                g->apps[i] = calloc(1, sizeof(*g->apps[i]));
                r = g->apps[i] ? prefilter_sets_build(p, &m->apps[i], g->apps[i]) : -ENOMEM;
        }
        return r;
}

/* Too much overlap: then every packet asks these rules. */
static int build_addresses(struct prefilter *p, struct group_members *m, unsigned end, struct prefilter_group *g)
{
        int r = 0;

        if (m->addresses[end].n == 0)
                return 0;
        r = prefilter_addresses_build(p, &m->addresses[end], end, &g->addresses[end]);
        if (r != -E2BIG)
                return r;
        r = 0;
        for (uint32_t i = 0; r == 0 && i < m->addresses[end].n; i++)
                r = prefilter_members_add(&m->any, m->addresses[end].ranks[i]);
        return r;
}

int prefilter_group_build(struct prefilter *p, enum prefilter_kind kind, const struct prefilter_members *m,
                          struct prefilter_group *g)
{
        _cleanup_(members_done)
        struct group_members sorted = {0};
        int r = sort(p, kind, m, &sorted);

        g->n_rules = m->n;
        for (unsigned end = 0; r == 0 && end < 2; end++) {
                r = build_ports(p, &sorted.ports[end], end, g);
                if (r == 0)
                        r = build_addresses(p, &sorted, end, g);
        }
        if (r == 0)
                r = build_apps(p, &sorted, g);
        if (r == 0)
                r = prefilter_sets_build(p, &sorted.any, &g->any);
        return r;
}

void prefilter_group_done(struct prefilter_group *g)
{
        prefilter_sets_done(&g->any);
        for (unsigned i = 0; i < APPS; i++)
                if (g->apps[i]) {
                        prefilter_sets_done(g->apps[i]);
                        free(g->apps[i]);
                }
        for (unsigned end = 0; end < 2; end++) {
                for (unsigned k = 0; g->ports[end] && k < SETS; k++)
                        prefilter_sets_done(&g->ports[end][k]);
                free(g->ports[end]);
                free(g->class_of[end]);
                prefilter_addresses_free(g->addresses[end]);
        }
}
