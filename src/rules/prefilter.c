/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making the prefilter of a set of rules: order, literals, and which rule stands in which databases. Runs where rules
 * are compiled. */
#include "rules/prefilter_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "rules/inspect_internal.h"

/* TCP flags that say nothing about a packet's place in its connection. */
#define FLAGS_PLAIN 0x18 /* ACK, PSH */

struct collected {
        struct prefilter_members groups[KINDS][2];
        struct prefilter_members buffers[BUFFERS][2], mixed[2];
};

static void collected_free(struct collected *c)
{
        if (!c)
                return;
        for (unsigned d = 0; d < 2; d++) {
                for (unsigned i = 0; i < KINDS; i++)
                        free(c->groups[i][d].ranks);
                for (unsigned i = 0; i < BUFFERS; i++)
                        free(c->buffers[i][d].ranks);
                free(c->mixed[d].ranks);
        }
        free(c);
}
DEFINE_FREEP(struct collected, collected_free)
DEFINE_FREEP(struct prefilter, prefilter_free)

static bool asks_direction(const struct rule *r, unsigned to_server)
{
        unsigned both = FLOW_TO_SERVER | FLOW_TO_CLIENT;

        return (r->flow & both) == 0 || r->flow & (to_server ? FLOW_TO_SERVER : FLOW_TO_CLIENT);
}

/* ip_proto asks for one as the header does. */
static uint8_t proto_of(const struct rule *r)
{
        for (unsigned i = 0; r->proto == 0 && i < r->n_tests; i++)
                if (r->tests[i].kind == TEST_IP_PROTO && r->tests[i].op == NUMBER_EQ && !r->tests[i].negated)
                        return (uint8_t) r->tests[i].a;
        return r->proto;
}

/* Whatever has no list of its own. */
static bool asks_other(const struct rule *r)
{
        uint8_t proto = proto_of(r);

        return proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6;
}

static bool asks_proto(const struct rule *r, uint8_t proto)
{
        uint8_t asked = proto_of(r);

        return asked == 0 || asked == proto || (proto == IPPROTO_ICMP && asked == IPPROTO_ICMPV6);
}

/* Can a packet with such flags hold? */
static bool flags_possible(const struct rule *r, bool special)
{
        for (unsigned flags = 0; flags < 256; flags++) {
                bool held = !!(flags & ~FLAGS_PLAIN) == special;

                for (unsigned i = 0; held && i < r->n_tests; i++)
                        if (r->tests[i].kind == TEST_TCP_FLAGS)
                                held = inspect_test_flags(&r->tests[i], (uint8_t) flags);
                if (held)
                        return true;
        }
        return false;
}

static unsigned kinds_of_payload(const struct rule *r)
{
        unsigned kinds = 0;

        if (asks_proto(r, IPPROTO_TCP)) {
                kinds |= 1u << KIND_TCP_STREAM;
                if (r->flags & (RULE_ONLY_PACKET | RULE_ALSO_PACKET) || r->flow & FLOW_NO_STREAM)
                        kinds |= 1u << KIND_TCP_PACKET;
        }
        if (asks_proto(r, IPPROTO_UDP))
                kinds |= 1u << KIND_UDP;
        if (r->app != APP_UNKNOWN) /* nothing is recognised elsewhere */
                return kinds;
        if (asks_proto(r, IPPROTO_ICMP))
                kinds |= 1u << KIND_ICMP;
        if (asks_other(r))
                kinds |= 1u << KIND_OTHER;
        return kinds;
}

static unsigned kinds_of_head(const struct rule *r)
{
        unsigned kinds = 0;

        if (r->flags & RULE_IP_ONLY)
                return 1u << KIND_ADDRESSES;
        if (asks_proto(r, IPPROTO_TCP)) {
                kinds |= flags_possible(r, false) ? 1u << KIND_HEAD_TCP_PLAIN : 0;
                kinds |= flags_possible(r, true) ? 1u << KIND_HEAD_TCP_SPECIAL : 0;
        }
        if (asks_proto(r, IPPROTO_UDP))
                kinds |= 1u << KIND_HEAD_UDP;
        if (asks_proto(r, IPPROTO_ICMP))
                kinds |= 1u << KIND_HEAD_ICMP;
        if (asks_other(r))
                kinds |= 1u << KIND_HEAD_OTHER;
        return kinds;
}

/* The buffer whose coming makes a rule without a literal be looked at: its first of an application. */
static uint8_t bare_buffer(const struct rule *r)
{
        for (unsigned i = 0; i < r->n_parts; i++)
                if (r->parts[i].buffer != BUFFER_PAYLOAD)
                        return r->parts[i].buffer;
        return BUFFER_PAYLOAD;
}

static int collect_rule(struct prefilter *p, uint32_t rank, struct collected *c)
{
        const struct prefilter_rule *r = &p->rules[rank];
        unsigned kinds = r->of_buffers ? 0 : r->of_payload ? kinds_of_payload(r->rule) : kinds_of_head(r->rule);
        bool mixed = r->of_buffers && r->buffer == BUFFER_PAYLOAD;
        uint8_t buffer = r->buffer == BUFFERS || mixed ? bare_buffer(r->rule) : r->buffer;
        int e = 0;

        for (unsigned d = 0; e == 0 && d < 2; d++) {
                if (!asks_direction(r->rule, d))
                        continue;
                for (unsigned i = 0; e == 0 && i < KINDS; i++)
                        if (kinds & 1u << i)
                                e = prefilter_members_add(&c->groups[i][d], rank);
                if (!r->of_buffers || !(buffer_kinds[buffer].direction & (d ? BUFFER_TO_SERVER : BUFFER_TO_CLIENT)))
                        continue;
                if (e == 0)
                        e = prefilter_members_add(mixed ? &c->mixed[d] : &c->buffers[buffer][d], rank);
                for (unsigned i = 0; i < PREFILTER_SIDES * r->rule->n_parts; i++)
                        if (r->sides & 1u << i % PREFILTER_SIDES)
                                p->looked_at[i % PREFILTER_SIDES][d] |=
                                        BUFFER_BIT(r->rule->parts[i / PREFILTER_SIDES].buffer);
        }
        return e;
}

static int build(struct prefilter *p, const struct collected *c)
{
        int r = 0;

        for (unsigned d = 0; r == 0 && d < 2; d++) {
                for (unsigned i = 0; r == 0 && i < KINDS; i++)
                        r = prefilter_group_build(p, i, &c->groups[i][d], &p->groups[i][d]);
                for (unsigned i = 0; r == 0 && i < BUFFERS; i++)
                        r = prefilter_sets_build(p, &c->buffers[i][d], &p->buffers[i][d]);
                if (r == 0)
                        r = prefilter_sets_build(p, &c->mixed[d], &p->mixed[d]);
        }
        return r;
}

static int choose(struct prefilter *p, const struct ruleset *s)
{
        _cleanup_free_ uint32_t *order = calloc(s->n_rules + 1, sizeof(*order));
        _cleanup_free_ struct prefilter_measured *m = NULL;
        int r = order ? prefilter_order(s, order) : -ENOMEM;

        if (r == 0)
                r = prefilter_literal_new(&m);
        for (uint32_t rank = 0; r == 0 && rank < s->n_rules; rank++) {
                prefilter_literal_choose(s->rules[order[rank]], m, &p->rules[rank]);
                p->rank_of[order[rank]] = rank;
        }
        return r;
}

int prefilter_compile(const struct ruleset *s, struct prefilter **ret, struct ruleset_stats *stats)
{
        _cleanup_(prefilter_freep)
        struct prefilter *p = calloc(1, sizeof(*p));
        _cleanup_(collected_freep)
        struct collected *c = calloc(1, sizeof(*c));
        uint32_t bare = 0;
        int r;

        if (!p || !c)
                return -ENOMEM;
        p->n_rules = s->n_rules;
        p->rules = calloc(s->n_rules + 1, sizeof(*p->rules));
        p->rank_of = calloc(s->n_rules + 1, sizeof(*p->rank_of));
        if (!p->rules || !p->rank_of)
                return -ENOMEM;
        p->bytes = sizeof(*p) + s->n_rules * (uint64_t) (sizeof(*p->rules) + sizeof(*p->rank_of));
        r = choose(p, s);
        if (r == 0)
                r = prefilter_side_divide(p);
        for (uint32_t rank = 0; r == 0 && rank < p->n_rules; rank++) {
                r = collect_rule(p, rank, c);
                bare += p->rules[rank].buffer == BUFFERS;
        }
        if (r == 0)
                r = build(p, c);
        if (r < 0)
                return r;
        stats->prefilter_databases = p->databases;
        stats->prefilter_literals = p->literals;
        stats->without_literal = bare;
        stats->bytes += p->bytes;
        *ret = TAKE_PTR(p);
        return 0;
}

void prefilter_free(struct prefilter *p)
{
        if (!p)
                return;
        for (unsigned d = 0; d < 2; d++) {
                for (unsigned i = 0; i < KINDS; i++)
                        prefilter_group_done(&p->groups[i][d]);
                for (unsigned i = 0; i < BUFFERS; i++)
                        prefilter_sets_done(&p->buffers[i][d]);
                prefilter_sets_done(&p->mixed[d]);
        }
        hs_free_scratch(p->scratch);
        free(p->rules);
        free(p->rank_of);
        free(p);
}

uint32_t prefilter_count(const struct prefilter *p)
{
        return p->n_rules;
}

const struct prefilter_rule *prefilter_rule(const struct prefilter *p, uint32_t rank)
{
        return &p->rules[rank];
}

uint32_t prefilter_rank(const struct prefilter *p, uint32_t index)
{
        return p->rank_of[index];
}

const struct prefilter *prefilter_of(const struct ruleset *s)
{
        return s->prefilter;
}
