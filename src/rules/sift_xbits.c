/* SPDX-License-Identifier: GPL-3.0-or-later */
/* xbits: what one rule keeps of a host or of a pair of hosts for another, for some seconds. Named by a hash of their
 * name, so that they outlive a reload. Runs in the engine and in `read`. */
#include <errno.h>
#include <xxhash.h>

#include "rules/sift_internal.h"

struct sift_xbit {
        struct sift_xbit_key {
                uint64_t name;
                struct sift_tracked who;
                uint64_t pair; /* of a pair of hosts; else of a host, by whichever end it is reached */
        } key;
        nsec_t until;
};

int sift_xbits_new(struct sift *s)
{
        static const struct table_params xbits = {.name = "sift xbits",
                                                  .cap = SIFT_XBITS,
                                                  .key_size = sizeof(struct sift_xbit_key),
                                                  .entry_size = sizeof(struct sift_xbit)};

        return table_new(&xbits, &s->xbits);
}

void sift_xbits_free(struct sift *s)
{
        table_free(s->xbits);
        free(s->names);
}

void sift_xbits_count(const struct sift *s, struct sift_stats *k)
{
        k->bytes += sift_table_bytes(s->xbits, sizeof(struct sift_xbit), &k->forgotten);
        k->bytes += s->n_names * sizeof(s->names[0]);
}

int sift_xbits_set_rules(struct sift *s, const struct ruleset *rules)
{
        const char *name;
        uint64_t *names;
        uint32_t n = 0;

        while (rules && ruleset_bit_name(rules, BIT_X, n)[0])
                n++;
        names = calloc(MAX(n, 1u), sizeof(*names));
        if (!names)
                return -ENOMEM;
        for (uint32_t i = 0; i < n && (name = ruleset_bit_name(rules, BIT_X, i))[0]; i++)
                names[i] = XXH3_64bits(name, strlen(name));
        free(s->names);
        s->names = names;
        s->n_names = n;
        return 0;
}

static struct sift_xbit_key key_of(const struct sift *s, const struct rule_bit *b, uint32_t name,
                                   const struct sift_ends *ends)
{
        return (struct sift_xbit_key){.name = name < s->n_names ? s->names[name] : name,
                                      .who = sift_track(b->track, ends),
                                      .pair = b->track == TRACK_PAIR};
}

/* The bit, if it is set and its time is not over. */
static struct sift_xbit *find(struct sift *s, const struct sift_xbit_key *key)
{
        struct sift_xbit *x = table_find(s->xbits, key);

        if (x && x->until < s->now) {
                table_remove(s->xbits, x);
                return NULL;
        }
        return x;
}

/* isset of several names: one of them; isnotset: not all of them. */
static bool holds(struct sift *s, const struct rule_bit *b, const struct sift_ends *ends)
{
        unsigned set = 0;

        for (uint8_t i = 0; i < b->n_names; i++) {
                struct sift_xbit_key key = key_of(s, b, b->names[i], ends);

                set += find(s, &key) != NULL;
        }
        return b->op == BIT_ISSET ? set > 0 : set < b->n_names;
}

bool sift_xbits_hold(struct sift *s, const struct rule *r, const struct sift_ends *ends)
{
        for (uint16_t i = 0; i < r->n_bit_conditions; i++)
                if (r->bits[i].kind == BIT_X && !holds(s, &r->bits[i], ends))
                        return false;
        return true;
}

static void change(struct sift *s, const struct rule_bit *b, const struct sift_ends *ends)
{
        struct sift_xbit_key key = key_of(s, b, b->names[0], ends);
        struct sift_xbit *x = find(s, &key);

        if (x && b->op != BIT_SET) {
                table_remove(s->xbits, x);
                return;
        }
        if (!x && b->op == BIT_UNSET)
                return;
        if (!x)
                x = table_insert(s->xbits, &key, NULL);
        if (x)
                x->until = s->now + (nsec_t) b->expire * NSEC_PER_SEC;
}

void sift_xbits_change(struct sift *s, const struct rule *r, const struct sift_ends *ends)
{
        for (uint16_t i = r->n_bit_conditions; i < r->n_bits; i++)
                if (r->bits[i].kind == BIT_X)
                        change(s, &r->bits[i], ends);
}
