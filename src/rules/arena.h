/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory of a set of rules: taken in small pieces, given back all at once, or back to a mark when a rule turns out not
 * to load. Bounded. Runs where rules are read. */
#ifndef SEKIMORI_RULES_ARENA_H
#define SEKIMORI_RULES_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct arena_block;
struct arena {
        struct arena_block *last;
        size_t used; /* bytes given out */
        size_t max;  /* at most so many; 0: nothing */
};
struct arena_mark {
        struct arena_block *block;
        size_t at, used;
};

#define ARENA(limit) ((struct arena){.max = (limit)})

void arena_done(struct arena *a);
/* Zeroed, aligned for any type; NULL at the limit or without memory. */
void *arena_take(struct arena *a, size_t size);
/* A copy with a NUL behind it. */
char *arena_text(struct arena *a, const char *data, size_t len);
/* A copy of an array; an empty one is a valid pointer too. */
void *arena_copy(struct arena *a, const void *data, size_t size);

struct arena_mark arena_mark(const struct arena *a);
/* What was taken since the mark is gone. */
void arena_release(struct arena *a, struct arena_mark m);

#endif
