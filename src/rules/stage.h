/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a match says of a host: one table from a rule's category, class, words and tags to a stage and a weight, with
 * the reason for each. Pure. Runs where rules are read. */
#ifndef SEKIMORI_RULES_STAGE_H
#define SEKIMORI_RULES_STAGE_H

#include "model/evidence.h"
#include "rules/rule.h"

struct buf;

/* Sets stage and weight of a rule that is whole otherwise, and for an answer of the attacked RULE_VICTIM_SENDER. */
void rule_stage(struct rule *r);

/* A row as people read it: "category TROJAN, word CnC", stage and weight, and why. */
struct rule_stage_text {
        char when[256];
        const char *reason;
        uint8_t stage;   /* as struct rule */
        uint16_t weight; /* hundredths */
};
bool rule_stage_row(size_t index, struct rule_stage_text *ret); /* false beyond the last */

#endif
