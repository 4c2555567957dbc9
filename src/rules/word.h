/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Slices of a rule's text taken apart: trimmed, cut at separators, read as numbers. Pure. Runs where rules are read. */
#ifndef SEKIMORI_RULES_WORD_H
#define SEKIMORI_RULES_WORD_H

#include <stdbool.h>

#include "model/event.h"

struct slice word_of(const char *text);
struct slice word_trim(struct slice s);
/* Cuts the next piece off `rest`, up to `separator` or the end, trimmed. False: nothing is left (rest->p is NULL). */
bool word_next(struct slice *rest, char separator, struct slice *ret);
/* The first word and, in *rest, what follows it, both trimmed. */
struct slice word_first(struct slice s, struct slice *rest);
/* Case does not matter. */
bool word_is(struct slice s, const char *text);
bool word_equal(struct slice a, struct slice b); /* case matters */
/* All of `s` as a number of that base (0: 0x is hexadecimal, else decimal). 0, -EINVAL, or -ERANGE above `max`. */
int word_number(struct slice s, unsigned base, uint64_t max, uint64_t *ret);
/* With a sign. */
int word_signed(struct slice s, int64_t min, int64_t max, int64_t *ret);
/* Letters, digits, and . _ - : a name of a bit or a variable. */
bool word_is_name(struct slice s);

/* For printf's %.*s. */
#define WORD_MAX     80
#define WORD_ARGS(s) (int) ((s).len < WORD_MAX ? (s).len : WORD_MAX), (s).len ? (s).p : ""

#endif
