/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the rule in the making to the one that is kept: arrays of the right size, steps by part, conditions before
 * changes. Runs where rules are read. */
#include <errno.h>
#include <string.h>

#include "rules/parse.h"
#include "rules/ruleset_parts.h"

static struct rule_step *copy_steps(struct parse *p, uint8_t part)
{
        struct rule_step *to = arena_take(&p->set->arena, p->parts[part].n_steps * sizeof(*to));
        uint8_t from[RULE_STEPS_MAX];
        unsigned n = 0;

        for (unsigned i = 0; to && i < p->n_steps; i++) {
                unsigned at = n;

                if (p->part_of[i] != part)
                        continue;
                while (at > 0 && p->order[from[at - 1]] > p->order[i]) {
                        from[at] = from[at - 1];
                        at--;
                }
                from[at] = (uint8_t) i;
                n++;
        }
        for (unsigned i = 0; to && i < n; i++)
                to[i] = p->steps[from[i]];
        return to;
}

static int add_part(struct parse *p, uint8_t i, struct rule_part *to, struct rule *r)
{
        struct rule_step *steps;

        if (p->parts[i].n_steps == 0)
                return 0;
        steps = copy_steps(p, i);
        if (!steps)
                return -ENOBUFS;
        to[r->n_parts++] = (struct rule_part){.buffer = p->parts[i].buffer,
                                              .flags = p->parts[i].flags,
                                              .n_steps = p->parts[i].n_steps,
                                              .steps = steps};
        return 0;
}

static int build_parts(struct parse *p, struct rule *r)
{
        struct rule_part *to = arena_take(&p->set->arena, MAX(p->n_parts, 1u) * sizeof(*to));
        int k = to ? 0 : -ENOBUFS;

        for (uint8_t i = 0; k == 0 && i < p->n_parts; i++)
                if (p->parts[i].buffer == BUFFER_PAYLOAD)
                        k = add_part(p, i, to, r);
        for (uint8_t i = 0; k == 0 && i < p->n_parts; i++)
                if (p->parts[i].buffer != BUFFER_PAYLOAD)
                        k = add_part(p, i, to, r);
        r->parts = to;
        return k;
}

static bool is_condition(const struct rule_bit *b)
{
        return b->op == BIT_ISSET || b->op == BIT_ISNOTSET || b->op == BIT_COMPARE || b->op == BIT_DEFINED ||
               b->op == BIT_NOT_DEFINED;
}

static int build_bits(struct parse *p, struct rule *r)
{
        struct rule_bit *to = arena_take(&p->set->arena, MAX(p->n_bits, 1u) * sizeof(*to));

        for (unsigned i = 0; to && i < p->n_bits; i++)
                if (is_condition(&p->bits[i]))
                        to[r->n_bits++] = p->bits[i];
        r->n_bit_conditions = r->n_bits;
        for (unsigned i = 0; to && i < p->n_bits; i++)
                if (!is_condition(&p->bits[i]))
                        to[r->n_bits++] = p->bits[i];
        r->bits = to;
        return to ? 0 : -ENOBUFS;
}

static int build(struct parse *p, const char *text, struct rule **ret)
{
        struct arena *a = &p->set->arena;
        struct rule *r = arena_copy(a, &p->rule, sizeof(*r));

        if (!r || build_parts(p, r) < 0 || build_bits(p, r) < 0)
                return -ENOBUFS;
        r->text = text;
        r->tests = arena_copy(a, p->tests, p->n_tests * sizeof(*p->tests));
        r->metadata = arena_copy(a, p->metadata, p->n_metadata * sizeof(*p->metadata));
        r->references = arena_copy(a, p->references, p->n_references * sizeof(*p->references));
        if (!r->tests || !r->metadata || !r->references)
                return -ENOBUFS;
        r->n_tests = p->n_tests;
        r->n_metadata = p->n_metadata;
        r->n_references = p->n_references;
        r->n_vars = (uint8_t) p->n_vars;
        if (!r->msg)
                r->msg = "";
        *ret = r;
        return 0;
}

int parse_build(struct parse *p, const char *text)
{
        struct rule *r;
        int k = build(p, text, &r);

        if (k == 0)
                k = ruleset_keep(p->set, r);
        if (k == -ENOMEM)
                return k;
        if (k == -ENOBUFS)
                return parse_fail_memory(p);
        if (k == -E2BIG)
                return parse_fail(p, PROBLEM_LIMIT, "the set has %u rules already", RULESET_RULES_MAX);
        return k;
}
