/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hash table from bytes to a pointer or a number; entries are never removed. Bounded by its owner. Runs where rules
 * are read. */
#ifndef SEKIMORI_RULES_MAP_H
#define SEKIMORI_RULES_MAP_H

#include "model/event.h"

struct map_entry {
        const void *key; /* the caller's memory, which stays */
        uint32_t len;
        uint32_t hash;
        union {
                void *p;
                uint64_t n;
        };
};
struct map {
        struct map_entry *entries;
        uint32_t n, size; /* size: a power of two, or 0 */
};

void map_done(struct map *m);
/* The entry, or NULL. */
struct map_entry *map_find(const struct map *m, const void *key, uint32_t len);
/* A new entry with value 0; the key must not be there yet. NULL without memory. Valid until the next one is added. */
struct map_entry *map_add(struct map *m, const void *key, uint32_t len);

#endif
