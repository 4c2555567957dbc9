/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parser asks of the set that it fills. Runs where rules are read. */
#ifndef SEKIMORI_RULES_RULESET_PARTS_H
#define SEKIMORI_RULES_RULESET_PARTS_H

#include "rules/ruleset_internal.h"

/* Counts and says a problem. */
void ruleset_tell(struct ruleset *s, const struct rule_problem *p);

/* A rule that is whole: it replaces one of the same number and a lower rev. Of two, the one that goes is said. 1: kept;
 * 0: not; -E2BIG: the set is full; or -ENOMEM. */
int ruleset_keep(struct ruleset *s, struct rule *r);
/* A rule that does not load; sid 0: not known. 0 or -ENOMEM. */
int ruleset_count_failed(struct ruleset *s, uint32_t gid, uint32_t sid);

/* The number of a bit's name, new or known. 0, -E2BIG or -ENOMEM. */
int ruleset_name(struct ruleset *s, enum bit_kind kind, struct slice name, uint32_t *ret);

int ruleset_config_new(struct ruleset *s);
void ruleset_config_free(struct ruleset_config *c);
/* A line "config ..." of classification.config or reference.config. 0, -EINVAL: it is none that is known, or -ENOMEM.
 */
int ruleset_config_line(struct ruleset *s, struct slice text);
/* An address that stands for a kind of reference, before what follows it; NULL: not known. */
const char *ruleset_config_reference(const struct ruleset *s, const char *key);

/* What threshold.config says of a rule; sid 0: of all of this gid, gid 0: of all. */
struct ruleset_limit {
        uint32_t gid, sid;
        struct rule_threshold threshold; /* kind THRESHOLD_NONE: not this */
        struct rule_rate rate;           /* given: this */
        struct rule_suppress suppress;   /* else this */
        const struct ruleset_limit *next;
};
/* Copies it. 0, -E2BIG or -ENOMEM. */
int ruleset_config_limit(struct ruleset *s, const struct ruleset_limit *l);
/* Class, priority and limits, to a rule that was read. 0 or -ENOMEM. */
int ruleset_config_apply(struct ruleset *s, struct rule *r);

#endif
