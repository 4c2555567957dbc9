/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the makers of a set of rules share: its parts. Nothing outside src/rules includes this. Runs where rules are
 * read; after ruleset_settle() or ruleset_compile() nothing in it changes any more. */
#ifndef SEKIMORI_RULES_RULESET_INTERNAL_H
#define SEKIMORI_RULES_RULESET_INTERNAL_H

#include "rules/arena.h"
#include "rules/map.h"
#include "rules/ruleset.h"

#define RULESET_MEMORY_MAX (512ull << 20) /* of text and rules, and again of names; a rule beyond is not loaded */
#define RULESET_NAMES_MAX  65536          /* of bits, per kind: inspectors keep a number per name */

struct prefilter; /* rules/prefilter.h */
struct rule_expressions;
struct rule_ranges;
struct parse;

struct ruleset_names {
        struct map map;
        const char **list; /* by number; owned */
        uint32_t n, size;
};

struct ruleset_config;

struct ruleset {
        struct arena arena;  /* rules and their text */
        struct arena kept;   /* what outlives a rule that does not load: names, numbers, files */
        struct rule **rules; /* by index once settled; owned array */
        uint32_t n_rules, rules_size;
        struct prefilter *prefilter; /* owned; NULL until ruleset_compile() */
        struct ruleset_stats stats;
        void (*problem)(void *userdata, const struct rule_problem *p);
        void *userdata;
        bool settled;
        uint64_t file_bytes;
        struct map sids;                      /* gid, sid -> struct ruleset_sid */
        struct ruleset_names names[4];        /* by enum bit_kind */
        struct map options;                   /* names of options and buffers */
        struct ruleset_config *config;        /* classes, references, thresholds; owned */
        struct rule_ranges *ranges;           /* addresses, ports, variables; owned */
        struct rule_expressions *expressions; /* PCRE2; owned */
        struct parse *parse;                  /* owned */
        struct ruleset_choice *choice;        /* what is switched on or off by number; owned; may be NULL */
};

void choice_free(struct ruleset_choice *c); /* rules/choice.h */

/* In prefilter.c. `s` is settled. Counts of itself (prefilter_databases, prefilter_literals, without_literal; its bytes
 * are added to `bytes`) go to *stats. */
int prefilter_compile(const struct ruleset *s, struct prefilter **ret, struct ruleset_stats *stats);
void prefilter_free(struct prefilter *p);

#endif
