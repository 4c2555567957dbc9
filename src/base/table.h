/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hash table of fixed-size entries with a stated cap. When it is full, the entry used longest ago goes (after the
 * owner's veto), and that is counted: every table of the program has a bound, an eviction rule and a counter. */
#ifndef SEKIMORI_BASE_TABLE_H
#define SEKIMORI_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct table;

struct table_params {
        const char *name;    /* static; for counters shown to people */
        uint32_t cap;        /* entries at most */
        uint16_t key_size;   /* the key is the first key_size bytes of an entry; padding in it must be zero */
        uint16_t entry_size; /* bytes of an entry, key included */
        /* Called before an entry is evicted for room. Returning false keeps it (the next one in age is asked; after
         * 32 refusals the last one asked goes all the same). May be NULL. */
        bool (*evict)(void *userdata, void *entry);
        void *userdata;
};

struct table_stats {
        const char *name;
        uint32_t used, cap;
        uint64_t inserted, evicted;
};

/* 0, -EINVAL or -ENOMEM. Memory grows with use; entries never move. */
int table_new(const struct table_params *params, struct table **ret);
void table_free(struct table *t); /* NULL is fine */
DEFINE_FREEP(struct table, table_free)

/* The entry, or NULL. table_find() makes it the youngest; table_peek() leaves its age. */
void *table_find(struct table *t, const void *key);
void *table_peek(const struct table *t, const void *key);
/* Finds or makes. A new entry is zeroed but for its key; *ret_created says which. NULL only without memory. */
void *table_insert(struct table *t, const void *key, bool *ret_created);
void table_remove(struct table *t, void *entry);
void table_clear(struct table *t);

/* Oldest first: table_oldest(t), then table_younger(t, e) until NULL. Removing e is fine after taking its successor. */
void *table_oldest(const struct table *t);
void *table_younger(const struct table *t, const void *entry);

uint32_t table_count(const struct table *t);
void table_get_stats(const struct table *t, struct table_stats *ret);

#endif
