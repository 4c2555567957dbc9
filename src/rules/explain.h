/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rule in plain English, a condition a line. Pure. Runs in `rules`. */
#ifndef SEKIMORI_RULES_EXPLAIN_H
#define SEKIMORI_RULES_EXPLAIN_H

#include "base/buf.h"
#include "rules/ruleset.h"

/* A content between quotation marks, as in a rule: what is not printable in hexadecimal between bars. */
void explain_bytes(struct buf *out, const uint8_t *bytes, size_t len);
/* One condition on bytes: "contains \"JOIN \" within the first 10 bytes". */
void explain_step(struct buf *out, const struct rule_step *s);
/* One condition on the packet or the flow: "the payload has less than 20 bytes". */
void explain_test(struct buf *out, const struct rule_test *t);
/* One condition on bits, or what is done to them: "the flow bit \"x\" is set". `s` gives names. */
void explain_bit(struct buf *out, const struct ruleset *s, const struct rule_bit *b);
/* All of it, several lines. */
void explain_rule(struct buf *out, const struct ruleset *s, const struct rule *r);

#endif
