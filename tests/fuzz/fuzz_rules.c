/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a rule file: each rule loads whole or is refused with a reason, and what loads keeps the promises that
 * matching relies on. */
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "rules/explain.h"
#include "rules/ruleset.h"

#define TEXT_MAX (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

struct told {
        uint32_t n, duplicates;
};

static void on_problem(void *userdata, const struct rule_problem *p)
{
        struct told *t = userdata;

        require(p->kind < PROBLEM_KINDS && p->file && p->option && p->reason && *p->reason);
        require(*rule_problem_title(p->kind) && p->line > 0);
        t->n++;
        t->duplicates += p->kind == PROBLEM_DUPLICATE;
}

static void check_number(const struct rule *r, const struct rule_number *n)
{
        require(n->var >= -1 && n->var < (int) r->n_vars);
}

static void check_content(const struct rule *r, const struct rule_step *s)
{
        const struct rule_content *c = &s->content;
        uint16_t relative = CONTENT_DISTANCE | CONTENT_WITHIN, absolute = CONTENT_OFFSET | CONTENT_DEPTH;

        require(c->len > 0 && c->len <= RULE_CONTENT_MAX);
        require(!(s->flags & relative) || !(s->flags & absolute));
        require(c->fast_offset + c->fast_len <= c->len);
        check_number(r, &c->offset);
        check_number(r, &c->depth);
        check_number(r, &c->distance);
        check_number(r, &c->within);
}

static void check_byte(const struct rule *r, const struct rule_byte *b)
{
        check_number(r, &b->count);
        check_number(r, &b->offset);
        check_number(r, &b->value);
        require(b->multiplier > 0);
        require(b->count.var >= 0 || (b->count.value >= 0 && b->count.value <= (b->flags & BYTE_STRING ? 23 : 8)));
        require(!(b->flags & BYTE_STRING) || b->base == 8 || b->base == 10 || b->base == 16);
}

static void check_step(const struct rule *r, const struct rule_step *s)
{
        switch (s->kind) {
        case STEP_CONTENT:
                check_content(r, s);
                break;
        case STEP_PCRE:
                require(s->pcre.code && s->pcre.pattern);
                break;
        case STEP_ISDATAAT:
                check_number(r, &s->isdataat.at);
                break;
        case STEP_BYTE_EXTRACT:
        case STEP_BYTE_MATH:
                require(s->byte.var < r->n_vars);
                check_byte(r, &s->byte);
                break;
        case STEP_BYTE_TEST:
        case STEP_BYTE_JUMP:
                check_byte(r, &s->byte);
                break;
        default:
                require(s->kind == STEP_BSIZE);
        }
}

static void check_end(const struct rule_end *e)
{
        require(e->n_addrs > 0 && e->n_ports > 0);
        for (uint32_t i = 0; i < e->n_addrs; i++) {
                require(memcmp(&e->addrs[i].from, &e->addrs[i].to, 16) <= 0);
                require(i == 0 || memcmp(&e->addrs[i - 1].to, &e->addrs[i].from, 16) < 0);
        }
        for (uint32_t i = 0; i < e->n_ports; i++) {
                require(e->ports[i].from <= e->ports[i].to);
                require(i == 0 || e->ports[i - 1].to + 1 < e->ports[i].from);
        }
}

static void check_rule(const struct ruleset *s, const struct rule *r)
{
        unsigned steps = 0;

        require(r->sid > 0 && r->msg && r->text && r->file && r->priority > 0 && r->n_tests <= RULE_TESTS_MAX);
        require(r->n_bits <= RULE_BITS_MAX && r->n_bit_conditions <= r->n_bits && r->n_vars <= RULE_VARS_MAX);
        require(ruleset_find(s, r->gid, r->sid) == r && ruleset_rule(s, r->index) == r);
        require(!(r->flags & RULE_ONLY_V4) || !(r->flags & RULE_ONLY_V6));
        require(!(r->flow & FLOW_TO_SERVER) || !(r->flow & FLOW_TO_CLIENT));
        check_end(&r->src);
        check_end(&r->dst);
        for (unsigned i = 0; i < r->n_parts; i++) {
                require(r->parts[i].buffer < BUFFERS && r->parts[i].n_steps > 0);
                require(i == 0 || r->parts[i].buffer != BUFFER_PAYLOAD);
                steps += r->parts[i].n_steps;
                for (unsigned k = 0; k < r->parts[i].n_steps; k++)
                        check_step(r, &r->parts[i].steps[k]);
        }
        require(steps <= RULE_STEPS_MAX);
        for (unsigned i = 0; i < r->n_bits; i++)
                for (unsigned k = 0; k < r->bits[i].n_names; k++)
                        require(*ruleset_bit_name(s, r->bits[i].kind, r->bits[i].names[k]));
}

static void check_words(const struct ruleset *s, const struct rule *r)
{
        struct buf text = BUF_HEAP(TEXT_MAX);

        explain_rule(&text, s, r);
        require(text.error == 0 && text.len > 0);
        for (size_t i = 0; i < text.len; i++)
                require(text.data[i] == '\n' || (unsigned char) text.data[i] >= 0x20);
        buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct told told = {0};
        struct ruleset_params params = {.problem = on_problem, .userdata = &told};
        struct ruleset *s;
        struct ruleset_stats k;

        require(ruleset_new(&params, &s) == 0);
        require(ruleset_add_data(s, "fuzz", (const char *) data, size) == 0);
        require(ruleset_settle(s) == 0);
        ruleset_get_stats(s, &k);
        require(k.loaded <= k.rules && k.loaded == ruleset_count(s) && k.duplicates == told.duplicates);
        require(told.n >= k.rules - k.loaded);
        for (uint32_t i = 0; i < k.loaded; i++) {
                check_rule(s, ruleset_rule(s, i));
                check_words(s, ruleset_rule(s, i));
        }
        ruleset_free(s);
        return 0;
}
