/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order in which rules are evaluated: pass first, then whoever sets a bit before whoever reads it, then by priority
 * and place in the set. Suricata's three ranks of bits: who sets, who sets and reads, who reads. Within the second,
 * here, every chain of rules that set what the next one reads is followed, so that it fires on one packet. Runs where
 * rules are compiled. */
#include "rules/prefilter_internal.h"

#include <errno.h>

#define KINDS_OF_BITS (BIT_HOST + 1)
#define LEVELS_MAX    16 /* longest chain; in a circle nobody is first */

struct order {
        uint8_t action, rank, level;
        uint32_t priority, index;
};

struct levels {
        uint8_t *of_name[KINDS_OF_BITS]; /* level of the last rule that sets it, plus one; 0: nobody sets it */
        uint32_t names[KINDS_OF_BITS];
};

static void count_names(struct levels *l, const struct rule *r)
{
        for (unsigned i = 0; i < r->n_bits; i++) {
                const struct rule_bit *b = &r->bits[i];

                for (unsigned k = 0; k < b->n_names; k++)
                        l->names[b->kind] = MAX(l->names[b->kind], b->names[k] + 1);
                if (b->kind == BIT_INT && b->value_name != UINT32_MAX)
                        l->names[b->kind] = MAX(l->names[b->kind], b->value_name + 1);
        }
}

static void read_level(const struct levels *l, const struct rule *r, struct order *o)
{
        for (unsigned i = 0; i < r->n_bits; i++) {
                const struct rule_bit *b = &r->bits[i];

                for (unsigned k = 0; i < r->n_bit_conditions && k < b->n_names; k++)
                        o->level = MAX(o->level, l->of_name[b->kind][b->names[k]]);
                if (b->kind == BIT_INT && b->value_name != UINT32_MAX)
                        o->level = MAX(o->level, l->of_name[BIT_INT][b->value_name]);
        }
        o->level = MIN(o->level, LEVELS_MAX);
}

static bool set_level(struct levels *l, const struct rule *r, const struct order *o)
{
        bool changed = false;

        for (unsigned i = r->n_bit_conditions; i < r->n_bits; i++)
                for (unsigned k = 0; k < r->bits[i].n_names; k++) {
                        uint8_t *level = &l->of_name[r->bits[i].kind][r->bits[i].names[k]];

                        if (*level < o->level + 1) {
                                *level = (uint8_t) (o->level + 1);
                                changed = true;
                        }
                }
        return changed;
}

static int compare(const void *a, const void *b)
{
        const struct order *x = a, *y = b;

        if (x->action != y->action)
                return x->action < y->action ? -1 : 1;
        if (x->rank != y->rank)
                return x->rank < y->rank ? -1 : 1;
        if (x->level != y->level)
                return x->level < y->level ? -1 : 1;
        if (x->priority != y->priority)
                return x->priority < y->priority ? -1 : 1;
        return x->index < y->index ? -1 : x->index > y->index;
}

static uint8_t rank_of(const struct rule *r)
{
        bool reads = r->n_bit_conditions, sets = r->n_bits > r->n_bit_conditions;

        return sets ? reads : 2;
}

static void find_levels(const struct ruleset *s, struct levels *l, struct order *orders)
{
        bool changed = true;

        for (unsigned round = 0; changed && round <= LEVELS_MAX; round++) {
                changed = false;
                for (uint32_t i = 0; i < s->n_rules; i++) {
                        const struct rule *r = s->rules[i];

                        if (r->n_bits == 0)
                                continue;
                        read_level(l, r, &orders[i]);
                        changed |= set_level(l, r, &orders[i]);
                }
        }
}

int prefilter_order(const struct ruleset *s, uint32_t *ret_order)
{
        _cleanup_free_ struct order *orders = calloc(s->n_rules + 1, sizeof(*orders));
        struct levels levels = {0};
        int r = orders ? 0 : -ENOMEM;

        for (uint32_t i = 0; r == 0 && i < s->n_rules; i++) {
                count_names(&levels, s->rules[i]);
                orders[i] = (struct order){s->rules[i]->action, rank_of(s->rules[i]), 0, s->rules[i]->priority, i};
        }
        for (unsigned k = 0; r == 0 && k < KINDS_OF_BITS; k++) {
                levels.of_name[k] = calloc(levels.names[k] + 1, 1);
                if (!levels.of_name[k])
                        r = -ENOMEM;
        }
        if (r == 0) {
                find_levels(s, &levels, orders);
                qsort(orders, s->n_rules, sizeof(*orders), compare);
                for (uint32_t i = 0; i < s->n_rules; i++)
                        ret_order[i] = orders[i].index;
        }
        for (unsigned k = 0; k < KINDS_OF_BITS; k++)
                free(levels.of_name[k]);
        return r;
}
