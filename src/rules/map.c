/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open addressing, at most two thirds full. The hash is keyed by the place in memory, which a file cannot know. Runs
 * where rules are read. */
#include "rules/map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void map_done(struct map *m)
{
        free(m->entries);
        *m = (struct map){0};
}

static uint32_t hash_of(const struct map *m, const void *key, uint32_t len)
{
        return (uint32_t) XXH3_64bits_withSeed(key, len, (uintptr_t) m);
}

static struct map_entry *place(struct map_entry *entries, uint32_t size, uint32_t hash)
{
        uint32_t i = hash & (size - 1);

        while (entries[i].key)
                i = (i + 1) & (size - 1);
        return &entries[i];
}

struct map_entry *map_find(const struct map *m, const void *key, uint32_t len)
{
        uint32_t hash;

        if (!m->size)
                return NULL;
        hash = hash_of(m, key, len);
        for (uint32_t i = hash & (m->size - 1); m->entries[i].key; i = (i + 1) & (m->size - 1)) {
                struct map_entry *e = &m->entries[i];

                if (e->hash == hash && e->len == len && memcmp(e->key, key, len) == 0)
                        return e;
        }
        return NULL;
}

static bool grow(struct map *m)
{
        uint32_t size = m->size ? 2 * m->size : 256;
        struct map_entry *bigger;

        if (size < m->size)
                return false;
        bigger = calloc(size, sizeof(*bigger));
        if (!bigger)
                return false;
        for (uint32_t i = 0; i < m->size; i++)
                if (m->entries[i].key)
                        *place(bigger, size, m->entries[i].hash) = m->entries[i];
        free(m->entries);
        m->entries = bigger;
        m->size = size;
        return true;
}

struct map_entry *map_add(struct map *m, const void *key, uint32_t len)
{
        struct map_entry *e;
        uint32_t hash = hash_of(m, key, len);

        if (m->n >= m->size / 3 * 2 && !grow(m))
                return NULL;
        e = place(m->entries, m->size, hash);
        *e = (struct map_entry){.key = key, .len = len, .hash = hash};
        m->n++;
        return e;
}
