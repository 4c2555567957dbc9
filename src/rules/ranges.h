/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses and ports of a rule's header: lists, nested lists, ranges, negation and variables become sorted ranges.
 * What was met before is not computed again: most rules of a set say one of a few dozen things. Runs where rules are
 * read. */
#ifndef SEKIMORI_RULES_RANGES_H
#define SEKIMORI_RULES_RANGES_H

#include "rules/arena.h"
#include "rules/map.h"
#include "rules/ruleset.h"

#define RANGES_LIST_MAX   65536          /* of one list, variables unfolded */
#define RANGES_DEPTH_MAX  16             /* of lists within lists and variables within variables */
#define RANGES_MEMORY_MAX (256ull << 20) /* of all lists of a set */

struct rule_ranges {
        struct arena arena;
        struct map addrs, ports; /* text -> struct ranges_list */
        struct map variables;    /* 'a' or 'p', name -> value */
};

/* The set, of 128-bit addresses or 16-bit ports. */
struct ranges_list {
        const void *ranges; /* struct rule_range_addr or rule_range_port */
        uint32_t n;
        bool any;
};

int ranges_new(struct rule_ranges **ret);
void ranges_free(struct rule_ranges *r);
DEFINE_FREEP(struct rule_ranges, ranges_free)

/* The later definition counts. 0, -ENOMEM, or -EBUSY once a list was computed. */
int ranges_define(struct rule_ranges *r, const struct rule_variable *v);
/* Those of suricata.yaml as it is shipped. */
int ranges_define_usual(struct rule_ranges *r);

struct ranges_why {
        enum rule_problem_kind kind;
        char reason[200];
};
/* 0, or negative with *why. */
int ranges_parse(struct rule_ranges *r, struct slice text, bool port, struct ranges_list *ret, struct ranges_why *why);

#endif
