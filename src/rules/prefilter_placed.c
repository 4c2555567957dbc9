/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Literals that can only stand at a few places near the beginning of a payload, more than a third of those of packets:
 * they are compared there, found by place and first bytes, instead of being searched for. A database for them would
 * cost each packet a walk through a table of 256 KiB. Runs where rules are compiled; the comparing in the engine and in
 * `read`. */
#include <errno.h>
#include <string.h>

#include "rules/prefilter_internal.h"

#define FILTER_BITS 32768 /* some thousand places of literals: few of all hashes */
#define NONE        UINT32_MAX

/* Literals are found by their first four bytes, two or one, as long as they are. */
enum { KEY_FOUR, KEY_TWO, KEY_ONE, KEYS };

struct placed {
        uint8_t bytes[PREFILTER_LITERAL_MAX]; /* lower case when nocase */
        uint8_t len, at;
        bool nocase;
        uint32_t next; /* of the bucket */
        struct prefilter_entry entry;
};

struct prefilter_placed {
        uint64_t filter[FILTER_BITS / 64];
        uint64_t places[KEYS][PREFILTER_NEAR / 64]; /* where any of them may begin */
        uint32_t *buckets;
        struct placed *literals;
        uint32_t n, mask;
        uint32_t reach; /* the last of them ends here */
};

static inline uint8_t lower(uint8_t b)
{
        return b | (uint8_t) ((uint8_t) (b - 'A') < 26) << 5;
}

static unsigned key_class(unsigned len)
{
        return len >= 4 ? KEY_FOUR : len >= 2 ? KEY_TWO : KEY_ONE;
}

/* Of a place and the first bytes, in any case; what that confuses the comparing tells apart. */
static inline uint32_t hash_of(unsigned at, uint32_t bytes, unsigned class)
{
        uint32_t v = (bytes | 0x20202020) * 0x9e3779b1u ^ (at * 3 + class) * 0x85ebca6bu;

        return v ^ v >> 15;
}

static inline uint32_t bytes4(const uint8_t *p)
{
        uint32_t v;

        memcpy(&v, p, sizeof(v));
        return v;
}

static inline uint32_t bytes2(const uint8_t *p)
{
        uint16_t v;

        memcpy(&v, p, sizeof(v));
        return v;
}

static uint32_t hash_of_literal(const struct prefilter_rule *r, unsigned at)
{
        unsigned class = key_class(r->len);

        return hash_of(at,
                       class == KEY_FOUR ? bytes4(r->bytes) :
                       class == KEY_TWO  ? bytes2(r->bytes) :
                                           r->bytes[0],
                       class);
}

bool prefilter_placed_fits(const struct prefilter_rule *r)
{
        uint32_t first = MAX(r->from, r->len) - r->len;

        return r->till <= PREFILTER_NEAR && r->till >= r->len && first <= r->till - r->len &&
               r->till - r->len - first < PREFILTER_PLACES;
}

static uint32_t count_places(const struct prefilter *p, const struct prefilter_members *m)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < m->n; i++) {
                const struct prefilter_rule *r = &p->rules[m->ranks[i]];

                n += r->till - MAX(r->from, r->len) + 1;
        }
        return n;
}

static void insert(struct prefilter_placed *d, const struct prefilter_rule *r, uint32_t rank, unsigned at)
{
        struct placed *l = &d->literals[d->n];
        uint32_t hash;

        *l = (struct placed){.len = r->len, .at = (uint8_t) at, .nocase = r->nocase};
        l->entry = (struct prefilter_entry){rank, r->from, r->till, r->size_from, r->size_to};
        memcpy(l->bytes, r->bytes, sizeof(l->bytes));
        hash = hash_of_literal(r, at);
        d->filter[hash % FILTER_BITS / 64] |= UINT64_C(1) << hash % 64;
        d->places[key_class(r->len)][at / 64] |= UINT64_C(1) << at % 64;
        d->reach = MAX(d->reach, at + r->len);
        l->next = d->buckets[hash & d->mask];
        d->buckets[hash & d->mask] = d->n++;
}

int prefilter_placed_build(struct prefilter *p, const struct prefilter_members *m, struct prefilter_placed **ret)
{
        uint32_t n = count_places(p, m), buckets = 16;
        struct prefilter_placed *d;

        if (m->n == 0)
                return 0;
        while (buckets < n)
                buckets *= 2;
        d = calloc(1, sizeof(*d));
        if (d) {
                d->buckets = calloc(buckets, sizeof(*d->buckets));
                d->literals = calloc(n, sizeof(*d->literals));
        }
        if (!d || !d->buckets || !d->literals) {
                prefilter_placed_free(d);
                return -ENOMEM;
        }
        d->mask = buckets - 1;
        memset(d->buckets, 0xff, buckets * sizeof(*d->buckets));
        for (uint32_t i = 0; i < m->n; i++) {
                const struct prefilter_rule *r = &p->rules[m->ranks[i]];

                for (uint32_t end = MAX(r->from, r->len); end <= r->till; end++)
                        insert(d, r, m->ranks[i], end - r->len);
        }
        p->literals += m->n;
        p->bytes += sizeof(*d) + buckets * sizeof(*d->buckets) + n * sizeof(*d->literals);
        *ret = d;
        return 0;
}

void prefilter_placed_free(struct prefilter_placed *d)
{
        if (!d)
                return;
        free(d->buckets);
        free(d->literals);
        free(d);
}

static bool stands(const struct placed *l, const uint8_t *p)
{
        if (!l->nocase)
                return memcmp(l->bytes, p, l->len) == 0;
        for (unsigned i = 0; i < l->len; i++)
                if (l->bytes[i] != lower(p[i]))
                        return false;
        return true;
}

struct window {
        const struct prefilter_placed *placed;
        const struct prefilter_asking *asking;
        const uint8_t *data;
        uint64_t base;     /* the place of data[0] */
        uint64_t old, end; /* what ends at `old` or before is not fresh */
};

static void compare_all(const struct window *w, unsigned at, uint32_t hash)
{
        const struct prefilter_placed *d = w->placed;

        for (uint32_t i = d->buckets[hash & d->mask]; i != NONE; i = d->literals[i].next) {
                const struct placed *l = &d->literals[i];

                if (l->at == at && at + l->len <= w->end && at + l->len > w->old &&
                    stands(l, w->data + (at - w->base)) && prefilter_size_fits(&l->entry, w->asking->size))
                        candidates_add(w->asking->candidates, l->entry.rank);
        }
}

static inline void compare_at(const struct window *w, unsigned at, uint32_t hash)
{
        if (w->placed->filter[hash % FILTER_BITS / 64] & UINT64_C(1) << hash % 64)
                compare_all(w, at, hash);
}

/* Inlined for each class of keys. */
static inline __attribute__((always_inline)) void ask_places(const struct window *w, unsigned class)
{
        const struct prefilter_placed *d = w->placed;
        unsigned key = class == KEY_FOUR ? 4 : class == KEY_TWO ? 2 : 1;
        /* Where a key can stand in the window. */
        uint64_t from = w->base, to = MIN(w->end, PREFILTER_NEAR + key - 1);

        for (unsigned half = 0; half < ELEMENTSOF(d->places[0]); half++)
                for (uint64_t places = d->places[class][half]; places; places &= places - 1) {
                        unsigned at = half * 64 + (unsigned) __builtin_ctzll(places);
                        const uint8_t *p = w->data + (at - from);

                        if (at < from)
                                continue;
                        if (at + key > to)
                                return;
                        compare_at(w, at,
                                   hash_of(at,
                                           class == KEY_FOUR ? bytes4(p) :
                                           class == KEY_TWO  ? bytes2(p) :
                                                               *p,
                                           class));
                }
}

void prefilter_placed_ask(const struct prefilter_placed *d, const struct prefilter_asking *a,
                          const struct inspect_buffer *b)
{
        struct window w = {.placed = d,
                           .asking = a,
                           .data = b->data,
                           .base = b->base,
                           .end = b->base + b->len,
                           .old = b->base + b->len - MIN(b->fresh, b->len)};

        if (w.old >= d->reach || b->base >= PREFILTER_NEAR)
                return;
        ask_places(&w, KEY_FOUR);
        ask_places(&w, KEY_TWO);
        ask_places(&w, KEY_ONE);
}
