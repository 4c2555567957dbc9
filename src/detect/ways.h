/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ways: a bounded store for very many small facts, as a processor's cache is built. A hash picks a set of eight slots,
 * which fill one cache line; when they are taken, the one with the least stamp goes, and that is counted. So a look
 * costs one miss of the cache, memory is fixed from the start, and the same input leaves the same content (the hash has
 * no secret: whoever fills a set by choice loses his own facts, and a look costs no more). Keys are not kept but for 32
 * bits of their hash: one look in 500 million finds another's slot. Used by detectors; pure. */
#ifndef SEKIMORI_DETECT_WAYS_H
#define SEKIMORI_DETECT_WAYS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

#define WAYS 8u

struct ways_slot {
        uint32_t tag;
        uint32_t stamp; /* the owner's; the least goes first; never 0 in use */
};

struct ways {
        struct ways_slot *slots;
        char *entries; /* beside them, one per slot; NULL: the slot says all */
        void *memory[2];
        uint32_t mask; /* of the set */
        uint32_t entry_size;
        uint64_t inserted, evicted;
};

/* `cap` is a power of two of at least 8. Memory is taken as it is used. 0, -EINVAL or -ENOMEM; ways_done() in any case.
 */
int ways_init(struct ways *w, uint32_t cap, uint32_t entry_size);
void ways_done(struct ways *w);

static inline void *ways_entry(const struct ways *w, const struct ways_slot *slot)
{
        return w->entries + (size_t) (slot - w->slots) * w->entry_size;
}

/* It will be looked for soon: several misses at once cost as much as one. */
static inline void ways_prefetch(const struct ways *w, uint64_t hash)
{
        __builtin_prefetch(w->slots + (size_t) ((uint32_t) hash & w->mask) * WAYS);
}

static inline struct ways_slot *ways_find(const struct ways *w, uint64_t hash)
{
        struct ways_slot *set = w->slots + (size_t) ((uint32_t) hash & w->mask) * WAYS;
        uint32_t tag = (uint32_t) (hash >> 32);

        for (unsigned i = 0; i < WAYS; i++)
                if (set[i].tag == tag && set[i].stamp)
                        return &set[i];
        return NULL;
}

/* Finds or makes; a new slot has that stamp and a zeroed entry. */
static inline struct ways_slot *ways_insert(struct ways *w, uint64_t hash, uint32_t stamp, bool *ret_created)
{
        struct ways_slot *slot = ways_find(w, hash), *set;

        *ret_created = !slot;
        if (slot)
                return slot;
        set = w->slots + (size_t) ((uint32_t) hash & w->mask) * WAYS;
        slot = set;
        for (unsigned i = 1; i < WAYS; i++)
                if (set[i].stamp < slot->stamp)
                        slot = &set[i];
        w->inserted++;
        w->evicted += slot->stamp != 0;
        *slot = (struct ways_slot){(uint32_t) (hash >> 32), stamp ? stamp : 1};
        if (w->entry_size)
                memset(ways_entry(w, slot), 0, w->entry_size);
        return slot;
}

/* Two hashes to one, of all bits (the folded product of wyhash). */
static inline uint64_t ways_mix(uint64_t a, uint64_t b)
{
        __uint128_t p = (__uint128_t) (a ^ 0xa0761d6478bd642full) * (b ^ 0xe7037ed1a0b428dbull);

        return (uint64_t) p ^ (uint64_t) (p >> 64);
}

/* Of 16 bytes: an address, a detector's key. */
static inline uint64_t ways_hash(const void *key)
{
        uint64_t k[2];

        memcpy(k, key, sizeof(k));
        return ways_mix(ways_mix(k[0], k[1]), 0x8ebc6af09c88c6e3ull);
}

#endif
