/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The expressions (PCRE2) of a set of rules: compiled once for all rules that say the same, bounded in size. Runs where
 * rules are read; what is compiled is used by all workers. */
#ifndef SEKIMORI_RULES_EXPRESSIONS_H
#define SEKIMORI_RULES_EXPRESSIONS_H

#include "rules/arena.h"
#include "rules/map.h"

/* Bounds of what compiling may cost: bytes of one pattern, of all that is compiled, of all machine code made of it, and
 * of one compiled pattern that machine code is made of (of longer ones that takes milliseconds: they are interpreted).
 */
#define EXPRESSIONS_PATTERN_MAX 8192
#define EXPRESSIONS_BYTES_MAX   (256u << 20)
#define EXPRESSIONS_JIT_MAX     (256u << 20)
#define EXPRESSIONS_JIT_ONE_MAX (32u << 10)

struct rule_expressions;

int expressions_new(struct rule_expressions **ret);
void expressions_free(struct rule_expressions *x);
DEFINE_FREEP(struct rule_expressions, expressions_free)

/* *ret_code: pcre2_code *, of the set. `options` are PCRE2's. 0, -ENOMEM, -E2BIG at a limit, or -EINVAL; then *why says
 * what is wrong and where. */
int expressions_compile(struct rule_expressions *x, struct slice pattern, uint32_t options, void **ret_code,
                        char why[static 160]);
/* Machine code for all of them, where that can be had; without, they are interpreted. */
void expressions_jit(struct rule_expressions *x);
/* Bytes that they take. */
uint64_t expressions_bytes(const struct rule_expressions *x);

#endif
