/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rules ask for packets from home to outside, and which for the other way round. Nearly every rule says so by the
 * same list of addresses ($HOME_NET and its negation), and no packet is more than one of the four; so every set of
 * rules is built for each. The list is found by counting: nobody says which variable it came from. Runs where rules are
 * compiled; the look-up in the engine and in `read`. */
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "rules/inspect_internal.h"
#include "rules/prefilter_internal.h"

/* Rules stand in so many sets at most, on average; else all sides have one set. */
#define COPIES_MAX 2

#define HOME    1u
#define OUTSIDE 2u

static uint64_t hash_of(const struct rule_end *e)
{
        return XXH3_64bits(e->addrs, e->n_addrs * sizeof(*e->addrs));
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return x < y ? -1 : x > y;
}

/* The hash that occurs most. */
static uint64_t most_named(uint64_t *hashes, uint32_t n)
{
        uint64_t best = 0;
        uint32_t most = 0;

        qsort(hashes, n, sizeof(*hashes), compare);
        for (uint32_t i = 0, k; i < n; i = k) {
                for (k = i; k < n && hashes[k] == hashes[i]; k++)
                        ;
                if (k - i > most) {
                        most = k - i;
                        best = hashes[i];
                }
        }
        return best;
}

static int find_home(struct prefilter *p)
{
        _cleanup_free_ uint64_t *hashes = calloc(2 * (size_t) p->n_rules + 1, sizeof(*hashes));
        uint64_t most;
        uint32_t n = 0;

        if (!hashes)
                return -ENOMEM;
        for (uint32_t i = 0; i < 2 * p->n_rules; i++) {
                const struct rule *r = p->rules[i / 2].rule;
                const struct rule_end *e = i % 2 ? &r->src : &r->dst;

                if (e->n_addrs)
                        hashes[n++] = hash_of(e);
        }
        most = most_named(hashes, n);
        for (uint32_t i = 0; n && i < 2 * p->n_rules; i++) {
                const struct rule *r = p->rules[i / 2].rule;
                const struct rule_end *e = i % 2 ? &r->src : &r->dst;

                if (e->n_addrs && hash_of(e) == most) {
                        p->home = e;
                        break;
                }
        }
        return 0;
}

static bool overlap(const struct rule_range_addr *a, const struct rule_range_addr *b)
{
        return memcmp(&a->from, &b->to, sizeof(a->from)) <= 0 && memcmp(&b->from, &a->to, sizeof(a->to)) <= 0;
}

static bool within(const struct rule_range_addr *a, const struct rule_range_addr *b)
{
        return memcmp(&a->from, &b->from, sizeof(a->from)) >= 0 && memcmp(&a->to, &b->to, sizeof(a->to)) <= 0;
}

/* Where an address of this end can be. */
static unsigned places_of(const struct rule_end *home, const struct rule_end *e)
{
        unsigned places = e->any_addr ? HOME | OUTSIDE : 0;

        for (uint32_t i = 0; !e->any_addr && i < e->n_addrs && places != (HOME | OUTSIDE); i++) {
                bool inside = false;

                for (uint32_t k = 0; k < home->n_addrs; k++) {
                        if (overlap(&e->addrs[i], &home->addrs[k]))
                                places |= HOME;
                        inside |= within(&e->addrs[i], &home->addrs[k]);
                }
                if (!inside)
                        places |= OUTSIDE;
        }
        return places;
}

static uint8_t sides_of(unsigned src, unsigned dst)
{
        uint8_t sides = 0;

        for (unsigned side = 0; side < PREFILTER_SIDES; side++)
                if (src & (side & 2 ? OUTSIDE : HOME) && dst & (side & 1 ? OUTSIDE : HOME))
                        sides |= (uint8_t) (1u << side);
        return sides;
}

int prefilter_side_divide(struct prefilter *p)
{
        uint32_t copies = 0;
        int r = find_home(p);

        for (uint32_t i = 0; r == 0 && p->home && i < p->n_rules; i++) {
                const struct rule *rule = p->rules[i].rule;
                unsigned src = places_of(p->home, &rule->src), dst = places_of(p->home, &rule->dst);

                p->rules[i].sides = sides_of(src, dst);
                if (rule->flags & RULE_BIDIRECTIONAL)
                        p->rules[i].sides |= sides_of(dst, src);
                copies += (uint32_t) __builtin_popcount(p->rules[i].sides);
        }
        if (copies > COPIES_MAX * p->n_rules)
                p->home = NULL;
        for (uint32_t i = 0; !p->home && i < p->n_rules; i++)
                p->rules[i].sides = 1;
        return r;
}

unsigned prefilter_side(const struct prefilter *p, const struct inspect_input *in)
{
        if (!p->home)
                return 0;
        return (inspect_test_address(p->home, in->src) ? 0 : 2) + (inspect_test_address(p->home, in->dst) ? 0 : 1);
}
