/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bounded hash table: entries in slabs, one list in order of use, and an index of places with linear probing. A
 * place keeps 32 bits of the hash beside the entry's number, so that a key that is not there costs one cache line, and
 * one that is there two (deletion by shifting back: Knuth, TAOCP 3, 6.4, algorithm R). */
#include "base/table.h"

#include <errno.h>
#include <string.h>
#define XXH_INLINE_ALL /* a call costs as much as hashing one of these short keys */
#include <xxhash.h>

#define SLAB_ENTRIES 256u
#define SLABS_STEP   64u
#define CAP_MAX      (1u << 30)
#define MAX_REFUSALS 32

struct node {
        struct node *older, *newer; /* in order of use; newer: also the free list */
        uint64_t hash;
        uint32_t number;
        /* the entry follows */
};

struct place {
        uint32_t tag;    /* of the hash; its low bits are where it belongs */
        uint32_t number; /* of the node, from 1; 0: nobody */
};

struct table {
        struct table_params p;
        struct place *places;
        uint32_t mask; /* number of places - 1; that is a power of two */
        struct node *free, *oldest, *newest;
        char **slabs;
        uint32_t n_slabs;
        uint64_t seed;
        uint32_t used;
        uint64_t inserted, evicted;
};

static void *entry_of(const struct node *n)
{
        return n ? (void *) (n + 1) : NULL;
}

static struct node *node_of(const void *entry)
{
        return (struct node *) entry - 1;
}

static size_t node_size(const struct table *t)
{
        return (sizeof(struct node) + t->p.entry_size + 15) & ~(size_t) 15;
}

static struct node *node_at(const struct table *t, uint32_t number)
{
        number--;
        return (struct node *) (t->slabs[number / SLAB_ENTRIES] + (number % SLAB_ENTRIES) * node_size(t));
}

int table_new(const struct table_params *params, struct table **ret)
{
        struct table *t;

        if (params->cap == 0 || params->cap > CAP_MAX || params->key_size == 0 || params->key_size > params->entry_size)
                return -EINVAL;
        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->p = *params;
        t->mask = 63;
        /* A seed of its own keeps outsiders from choosing keys that fall into one place. */
        t->seed = (uint64_t) (uintptr_t) t ^ 0x9e3779b97f4a7c15ull * (uint64_t) getpid();
        t->places = calloc(t->mask + 1, sizeof(*t->places));
        if (!t->places) {
                free(t);
                return -ENOMEM;
        }
        *ret = t;
        return 0;
}

void table_free(struct table *t)
{
        if (!t)
                return;
        for (uint32_t i = 0; i < t->n_slabs; i++)
                free(t->slabs[i]);
        free(t->slabs);
        free(t->places);
        free(t);
}

static void list_unlink(struct table *t, struct node *n)
{
        *(n->older ? &n->older->newer : &t->oldest) = n->newer;
        *(n->newer ? &n->newer->older : &t->newest) = n->older;
}

static void list_append(struct table *t, struct node *n)
{
        n->older = t->newest;
        n->newer = NULL;
        *(t->newest ? &t->newest->newer : &t->oldest) = n;
        t->newest = n;
}

static struct node *lookup(const struct table *t, const void *key, uint64_t hash)
{
        for (uint32_t at = (uint32_t) hash & t->mask; t->places[at].number; at = (at + 1) & t->mask)
                if (t->places[at].tag == (uint32_t) hash) {
                        struct node *n = node_at(t, t->places[at].number);

                        if (n->hash == hash && memcmp(entry_of(n), key, t->p.key_size) == 0)
                                return n;
                }
        return NULL;
}

static void put_place(struct place *places, uint32_t mask, struct place p)
{
        uint32_t at = p.tag & mask;

        while (places[at].number)
                at = (at + 1) & mask;
        places[at] = p;
}

/* Those behind it move up, unless they stand where they belong. */
static void clear_place(struct table *t, uint32_t hole)
{
        for (uint32_t at = (hole + 1) & t->mask; t->places[at].number; at = (at + 1) & t->mask) {
                uint32_t home = t->places[at].tag & t->mask;

                if (((at - home) & t->mask) >= ((at - hole) & t->mask)) {
                        t->places[hole] = t->places[at];
                        hole = at;
                }
        }
        t->places[hole].number = 0;
}

void *table_peek(const struct table *t, const void *key)
{
        return entry_of(lookup(t, key, XXH3_64bits_withSeed(key, t->p.key_size, t->seed)));
}

void *table_find(struct table *t, const void *key)
{
        struct node *n = lookup(t, key, XXH3_64bits_withSeed(key, t->p.key_size, t->seed));

        if (n && n != t->newest) {
                list_unlink(t, n);
                list_append(t, n);
        }
        return entry_of(n);
}

void table_remove(struct table *t, void *entry)
{
        struct node *n = node_of(entry);
        uint32_t at = (uint32_t) n->hash & t->mask;

        while (t->places[at].number != n->number)
                at = (at + 1) & t->mask;
        clear_place(t, at);
        list_unlink(t, n);
        n->newer = t->free;
        t->free = n;
        t->used--;
}

void table_clear(struct table *t)
{
        while (t->oldest)
                table_remove(t, entry_of(t->oldest));
}

static void evict_one(struct table *t)
{
        struct node *n = t->oldest, *victim = n;

        for (int i = 0; n && i < MAX_REFUSALS; i++, n = n->newer) {
                victim = n;
                if (!t->p.evict || t->p.evict(t->p.userdata, entry_of(n)))
                        break;
        }
        table_remove(t, entry_of(victim));
        t->evicted++;
}

/* At most three quarters are taken. Without memory it fills further, up to the last place but one. */
static void grow_places(struct table *t)
{
        uint32_t mask = 2 * t->mask + 1;
        struct place *places;

        if (t->used < (t->mask + 1) / 4 * 3)
                return;
        places = calloc((size_t) mask + 1, sizeof(*places));
        if (!places)
                return;
        for (uint32_t i = 0; i <= t->mask; i++)
                if (t->places[i].number)
                        put_place(places, mask, t->places[i]);
        free(t->places);
        t->places = places;
        t->mask = mask;
}

static int add_slab(struct table *t)
{
        uint32_t n = MIN(SLAB_ENTRIES, t->p.cap);
        size_t each = node_size(t);
        char **slabs, *s;

        if (t->n_slabs % SLABS_STEP == 0) {
                slabs = realloc(t->slabs, (t->n_slabs + SLABS_STEP) * sizeof(*slabs));
                if (!slabs)
                        return -ENOMEM;
                t->slabs = slabs;
        }
        s = malloc(n * each);
        if (!s)
                return -ENOMEM;
        for (uint32_t i = n; i-- > 0;) {
                struct node *free_node = (struct node *) (s + i * each);

                free_node->number = t->n_slabs * SLAB_ENTRIES + i + 1;
                free_node->newer = t->free;
                t->free = free_node;
        }
        t->slabs[t->n_slabs++] = s;
        return 0;
}

void *table_insert(struct table *t, const void *key, bool *ret_created)
{
        uint64_t hash = XXH3_64bits_withSeed(key, t->p.key_size, t->seed);
        struct node *n = lookup(t, key, hash);

        if (ret_created)
                *ret_created = !n;
        if (n) {
                if (n != t->newest) {
                        list_unlink(t, n);
                        list_append(t, n);
                }
                return entry_of(n);
        }
        grow_places(t);
        if (t->used >= t->p.cap || t->used >= t->mask)
                evict_one(t);
        if (!t->free && add_slab(t) < 0) {
                if (!t->oldest)
                        return NULL;
                evict_one(t);
        }
        n = t->free;
        t->free = n->newer;
        memset(entry_of(n), 0, t->p.entry_size);
        memcpy(entry_of(n), key, t->p.key_size);
        n->hash = hash;
        put_place(t->places, t->mask, (struct place){.tag = (uint32_t) hash, .number = n->number});
        list_append(t, n);
        t->used++;
        t->inserted++;
        return entry_of(n);
}

void *table_oldest(const struct table *t)
{
        return entry_of(t->oldest);
}

void *table_younger(const struct table *t _unused_, const void *entry)
{
        return entry_of(node_of(entry)->newer);
}

uint32_t table_count(const struct table *t)
{
        return t->used;
}

void table_get_stats(const struct table *t, struct table_stats *ret)
{
        *ret = (struct table_stats){
                .name = t->p.name,
                .used = t->used,
                .cap = t->p.cap,
                .inserted = t->inserted,
                .evicted = t->evicted,
        };
}
