/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the evaluation share. Nothing outside src/rules/match*.c includes this. Runs in the engine and in
 * `read`. */
#ifndef SEKIMORI_RULES_MATCH_INTERNAL_H
#define SEKIMORI_RULES_MATCH_INTERNAL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "rules/match.h"

struct matcher {
        pcre2_match_data *data;
        pcre2_match_context *context;
        pcre2_jit_stack *stack;
        uint8_t *scratch[2]; /* MATCH_TRANSFORM_MAX + 1 each */
        uint64_t limited;
};

/* How the rest of a part fared from one condition on. */
enum match_result {
        MATCH_HELD,
        MATCH_FAILED, /* other places of what came before may help */
        MATCH_LATER,  /* no place at or behind the present one helps */
        MATCH_NEVER,  /* nothing helps */
};

/* One evaluation. */
struct match {
        struct matcher *matcher;
        const struct match_query *q;
        const struct rule_step *steps;
        unsigned n_steps;
        const uint8_t *data;
        int64_t len, base, size; /* size: base + len */
        bool complete, now;
        bool want;    /* bytes that may follow could help */
        bool limited; /* steps or bytes are used up */
        unsigned steps_left;
        int64_t bytes_left;
        int64_t cursor; /* where the last match ended */
        uint64_t *vars;
};

/* Variables change what conditions mean when places change: then nothing is known of other places. */
static inline enum match_result match_later(const struct match *e)
{
        return e->q->rule->n_vars ? MATCH_FAILED : MATCH_LATER;
}

static inline enum match_result match_never(const struct match *e)
{
        return e->q->rule->n_vars ? MATCH_FAILED : MATCH_NEVER;
}

static inline int64_t match_number(const struct match *e, const struct rule_number *n)
{
        /* Extracted numbers of 64 bits: far beyond every buffer is far enough. */
        return n->var < 0 ? n->value : (int64_t) MIN(e->vars[(unsigned) n->var % RULE_VARS_MAX], UINT64_C(1) << 40);
}

/* So many bytes will be looked through. false: the limit is reached. */
static inline bool match_spend(struct match *e, int64_t bytes)
{
        e->bytes_left -= bytes;
        if (e->bytes_left >= 0)
                return true;
        e->limited = true;
        return false;
}

/* In match_number.c: conditions with one place only. MATCH_HELD: go on with the next condition. *ret_short is set when
 * bytes that may follow could help. */
enum match_result match_isdataat(const struct match *e, const struct rule_step *s, bool *ret_short);
enum match_result match_byte(struct match *e, unsigned i, bool *ret_short);
enum match_result match_size(const struct match *e, const struct rule_step *s, bool *ret_short);
/* In match_transform.c. Changes data, len of *b; its memory is the matcher's. false: only to be judged when complete.
 */
bool match_transform(struct matcher *m, unsigned flags, struct match_buffer *b);
/* In match_find.c: the first place of the content in [from, to) of data, or -1. */
int64_t match_find(const struct rule_content *c, bool nocase, const uint8_t *data, int64_t from, int64_t to);
bool match_same(const struct rule_content *c, bool nocase, const uint8_t *at);

#endif
