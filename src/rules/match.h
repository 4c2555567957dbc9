/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exact evaluation of one part of a rule: do its conditions on bytes hold in the buffer at hand? The meaning is that of
 * Suricata 7: there is a choice of places for the contents and expressions so that everything holds, where what is
 * relative is relative to where the last one ended. Bounded in steps and bytes. Pure. Runs in the engine and in `read`.
 *
 * Places are counted from the beginning of the stream or body, not of the window at hand; what lies before the window
 * is not seen. */
#ifndef SEKIMORI_RULES_MATCH_H
#define SEKIMORI_RULES_MATCH_H

#include "rules/inspect.h"

/* Conditions tried in one evaluation (Suricata's detect.inspection-recursion-limit). */
#define MATCH_STEPS_MAX 3000
/* Bytes looked through in one evaluation: half a millisecond of searching. */
#define MATCH_BYTES_MAX (2u << 20)
/* Bytes of a buffer that a transform sees; the rest is cut. */
#define MATCH_TRANSFORM_MAX (64u << 10)

struct matcher; /* scratch memory of one inspector */

int matcher_new(struct matcher **ret);
void matcher_free(struct matcher *m);
DEFINE_FREEP(struct matcher, matcher_free)

struct match_buffer {
        const uint8_t *data;
        uint32_t len;
        uint64_t base;
        bool complete; /* nothing will follow */
        bool now;      /* what must not come is judged by what is there, though more may follow: raw streams */
};

/* Where the prefilter's literal of the rule stands: new occurrences of it bring the rule back, so that they need no
 * waiting for. */
struct match_literal {
        uint16_t step;  /* the content */
        uint16_t chain; /* this step and those up to `step` come before or with the literal */
        uint16_t end;   /* of the literal within the content */
};

/* Where a condition held, and the number that it read. */
struct match_place {
        uint64_t at, end, value;
};

/* For explaining: the attempt that came furthest. */
struct match_trace {
        uint16_t reached;                           /* the condition that failed; n_steps: none */
        struct match_place places[RULE_STEPS_MAX];  /* of those before */
        struct match_place current[RULE_STEPS_MAX]; /* of the attempt under way */
};

struct match_query {
        const struct rule *rule;
        const struct rule_part *part;
        const struct match_buffer *buffer;
        const struct match_literal *literal; /* NULL: not in this part */
        struct match_trace *trace;           /* NULL: not wanted */
        uint64_t *vars;                      /* RULE_VARS_MAX; kept from part to part */
};

/* WAIT: not as it stands, but bytes that may follow could change that. */
enum inspect_answer match_part(struct matcher *m, const struct match_query *q);
/* Evaluations that ended at a limit so far. */
uint64_t match_limited(const struct matcher *m);

#endif
