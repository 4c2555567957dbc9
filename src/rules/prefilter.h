/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prefilter of a set of rules: which rules can match these bytes at all? Of each rule the rarest literal is looked
 * for by vectorscan, in block mode; rules without one are found by protocol, flags, ports and addresses. Made once,
 * then only read; each inspector has scratch memory of its own. Runs where rules are compiled; in the engine and in
 * `read`. */
#ifndef SEKIMORI_RULES_PREFILTER_H
#define SEKIMORI_RULES_PREFILTER_H

#include "rules/match.h"

/* Bytes of a literal at most: what must be scanned again before fresh bytes is one less. */
#define PREFILTER_LITERAL_MAX 16

struct prefilter;
struct prefilter_scratch;

/* How a rule comes to be looked at. */
struct prefilter_rule {
        const struct rule *rule;
        uint8_t bytes[PREFILTER_LITERAL_MAX]; /* its literal; lower case when nocase */
        uint8_t len;
        uint8_t buffer; /* where it is looked for; BUFFERS: it has none */
        bool nocase;
        bool of_content; /* of part `part`; `literal` says where there. Else it is of an expression */
        bool of_buffers; /* the rule asks for buffers of an application: judged with transactions */
        bool of_payload; /* it asks for the payload */
        uint8_t sides;   /* mask of those it can match (prefilter_side.c) */
        uint16_t part;
        uint16_t size_from, size_to; /* of the packet's payload, by dsize */
        uint32_t bit;                /* a flow bit that must be set; UINT32_MAX: none, or one of several */
        uint32_t from, till;         /* where the literal can end, in the payload: from .. till */
        struct match_literal literal;
};

/* Rules to be looked at: a set of ranks. A rank is a rule's place in the order of evaluation: by action, then whoever
 * sets bits before those that read them, then by priority and index. */
struct candidates {
        uint64_t *seen; /* bits, by rank */
        uint32_t *ranks;
        uint32_t n;
};

static inline bool candidates_has(const struct candidates *c, uint32_t rank)
{
        return c->seen[rank / 64] & UINT64_C(1) << rank % 64;
}

static inline void candidates_add(struct candidates *c, uint32_t rank)
{
        uint64_t bit = UINT64_C(1) << rank % 64, *word = &c->seen[rank / 64];

        if (!(*word & bit)) {
                *word |= bit;
                c->ranks[c->n++] = rank;
        }
}

const struct prefilter *prefilter_of(const struct ruleset *s); /* NULL: not compiled */
uint32_t prefilter_count(const struct prefilter *p);
const struct prefilter_rule *prefilter_rule(const struct prefilter *p, uint32_t rank);
uint32_t prefilter_rank(const struct prefilter *p, uint32_t index);

int prefilter_scratch_new(const struct prefilter *p, struct prefilter_scratch **ret);
void prefilter_scratch_free(struct prefilter_scratch *s);
DEFINE_FREEP(struct prefilter_scratch, prefilter_scratch_free)

/* Adds to `c` every rule that could match for what is to be scanned of this input. Returns the bytes scanned. */
uint64_t prefilter_scan(const struct prefilter *p, struct prefilter_scratch *s, const struct inspect_input *in,
                        struct candidates *c);
/* As inspector_wants(). */
uint64_t prefilter_wants(const struct prefilter *p, const struct inspect_input *in);

#endif
