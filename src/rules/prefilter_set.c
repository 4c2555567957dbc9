/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Databases of literals: equal ones of several rules are one, each with the rules that it brings up. Literals that can
 * only stand in the first bytes of a payload, about half of them, have a database of their own, so that most bytes
 * never meet them. Measured: HS_FLAG_SINGLEMATCH makes larger and slower databases; hs_compile_lit_multi() takes as
 * long as hs_compile_multi() and refuses literals that begin with a zero. Runs where rules are compiled; the scan in
 * the engine and in `read`. */
#include "rules/prefilter_internal.h"

#include <errno.h>
#include <string.h>

#define EXPRESSION_MAX (4 * PREFILTER_LITERAL_MAX + 1) /* \xNN each */
/* Of a literal that nobody looks for: bytes that text has not, since UTF-8 has none of them (RFC 3629). */
#define STRANGE "\xc1\xf5\xf8\xfb\xc0\xf6\xf9\xfc"
#define PROBED  80u /* bytes before a literal: more than the widest vector */

struct literal {
        uint8_t bytes[PREFILTER_LITERAL_MAX]; /* lower case when nocase */
        uint8_t len;
        bool nocase;
        struct prefilter_entry entry;
};

int prefilter_members_add(struct prefilter_members *m, uint32_t rank)
{
        if (m->n == m->room) {
                uint32_t room = MAX(16, 2 * m->room);
                uint32_t *ranks = realloc(m->ranks, room * sizeof(*ranks));

                if (!ranks)
                        return -ENOMEM;
                m->ranks = ranks;
                m->room = room;
        }
        m->ranks[m->n++] = rank;
        return 0;
}

static struct prefilter_entry entry_of(const struct prefilter_rule *r, uint32_t rank)
{
        return (struct prefilter_entry){rank, r->from, r->till, r->size_from, r->size_to};
}

static void literal_of(const struct prefilter_rule *r, uint32_t rank, struct literal *ret)
{
        *ret = (struct literal){.len = r->len, .nocase = r->nocase, .entry = entry_of(r, rank)};
        memcpy(ret->bytes, r->bytes, sizeof(ret->bytes));
}

static int compare(const void *a, const void *b)
{
        const struct literal *x = a, *y = b;
        int r = memcmp(x->bytes, y->bytes, sizeof(x->bytes));

        if (r == 0)
                r = x->len - y->len;
        if (r == 0)
                r = x->nocase - y->nocase;
        return r ? r : x->entry.rank < y->entry.rank ? -1 : x->entry.rank > y->entry.rank;
}

static bool same_literal(const struct literal *a, const struct literal *b)
{
        return a->len == b->len && a->nocase == b->nocase && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* What hs_compile_multi() takes, by number of the literal. */
struct expressions {
        char (*text)[EXPRESSION_MAX];
        const char **texts;
        unsigned *flags, *ids;
};

static void expressions_done(struct expressions *e)
{
        free(e->text);
        free(e->texts);
        free(e->flags);
        free(e->ids);
}

static void express(const struct literal *l, char text[static EXPRESSION_MAX])
{
        static const char digits[] = "0123456789abcdef";

        for (unsigned i = 0; i < l->len; i++) {
                *text++ = '\\';
                *text++ = 'x';
                *text++ = digits[l->bytes[i] >> 4];
                *text++ = digits[l->bytes[i] & 15];
        }
        *text = '\0';
}

/* When all literals have a byte or a few pairs in common, vectorscan skips to those before it looks for the literals;
 * 5.4.9, Debian 12's, does that wrongly on x86 and misses what stands in the last vectors (its issue 317). So one more
 * literal, which brings up no rule, keeps it from that: mostly one of eight bytes does. One of a single byte does
 * always, and makes larger sets slower, so it is for sets of which tells_all() says that they need it. One literal
 * alone is searched for by other means. */
static void add_stranger(bool brief, uint32_t n, struct expressions *e)
{
        struct literal l = {.bytes = STRANGE, .len = brief ? 1 : sizeof(STRANGE) - 1};

        express(&l, e->text[n]);
        e->texts[n] = e->text[n];
        e->ids[n] = n;
}

struct told {
        unsigned id;
        unsigned long long end;
        bool yes;
};

static int on_told(unsigned id, unsigned long long from _unused_, unsigned long long to, unsigned flags _unused_,
                   void *userdata)
{
        struct told *t = userdata;

        t->yes |= id == t->id && to == t->end;
        return t->yes;
}

/* Does a scan tell each literal, wherever it stands from the vectors' borders? In 15,000 random sets of few letters, 53
 * of which missed something in random bytes, this said so of all those. */
static bool tells_all(const struct prefilter *p, const struct literal *literals, const struct prefilter_literals *set)
{
        char bytes[PROBED + PREFILTER_LITERAL_MAX] = {0};

        for (uint32_t k = 0; k < set->n; k++) {
                const struct literal *l = &literals[set->first[k]];

                memcpy(bytes + PROBED, l->bytes, l->len);
                for (unsigned before = 0; before <= PROBED; before++) {
                        struct told told = {.id = k, .end = before + l->len};

                        (void) hs_scan(set->database, bytes + PROBED - before, before + l->len, 0, p->scratch, on_told,
                                       &told);
                        if (!told.yes)
                                return false;
                }
        }
        return true;
}

static int compile_with(struct prefilter *p, const struct expressions *e, uint32_t n, struct prefilter_literals *ret)
{
        hs_compile_error_t *error = NULL;

        hs_free_database(ret->database);
        ret->database = NULL;
        if (hs_compile_multi(e->texts, e->flags, e->ids, n, HS_MODE_BLOCK, NULL, &ret->database, &error) !=
            HS_SUCCESS) {
                hs_free_compile_error(error);
                return -ENOMEM;
        }
        return hs_alloc_scratch(ret->database, &p->scratch) == HS_SUCCESS ? 0 : -ENOMEM;
}

static int compile(struct prefilter *p, const struct literal *literals, uint32_t n, struct prefilter_literals *ret)
{
        uint32_t room = n + 1;
        _cleanup_(expressions_done)
        struct expressions e = {
                .text = calloc(room, sizeof(*e.text)),
                .texts = calloc(room, sizeof(*e.texts)),
                .flags = calloc(room, sizeof(*e.flags)),
                .ids = calloc(room, sizeof(*e.ids)),
        };
        uint32_t k = 0;
        int r;

        ret->first = calloc(n + 1, sizeof(*ret->first));
        ret->entries = calloc(n, sizeof(*ret->entries));
        if (!e.text || !e.texts || !e.flags || !e.ids || !ret->first || !ret->entries)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++) {
                ret->entries[i] = literals[i].entry;
                if (i > 0 && same_literal(&literals[i - 1], &literals[i]))
                        continue;
                express(&literals[i], e.text[k]);
                e.texts[k] = e.text[k];
                e.flags[k] = literals[i].nocase ? HS_FLAG_CASELESS : 0;
                e.ids[k] = k;
                ret->first[k++] = i;
        }
        ret->first[k] = n;
        ret->n = k;
        if (k > 1)
                add_stranger(false, k, &e);
        r = compile_with(p, &e, k + (k > 1), ret);
        if (r < 0 || tells_all(p, literals, ret))
                return r;
        add_stranger(true, k, &e);
        r = compile_with(p, &e, k + 1, ret);
        return r == 0 && !tells_all(p, literals, ret) ? -EIO : r;
}

static int build_literals(struct prefilter *p, struct literal *literals, uint32_t n, struct prefilter_literals *ret)
{
        size_t size = 0;
        int r;

        if (n == 0)
                return 0;
        qsort(literals, n, sizeof(*literals), compare);
        r = compile(p, literals, n, ret);
        if (r < 0)
                return r;
        (void) hs_database_size(ret->database, &size);
        p->databases++;
        p->literals += ret->n;
        p->bytes += size + n * (sizeof(*ret->entries) + sizeof(*ret->first));
        return 0;
}

static int build_set(struct prefilter *p, const struct prefilter_members *m, struct prefilter_set *set)
{
        _cleanup_free_ struct literal *literals = calloc(m->n + 1, sizeof(*literals));
        struct prefilter_members placed = {0};
        uint32_t n = 0;
        int r = 0;

        set->bare = calloc(m->n + 1, sizeof(*set->bare));
        if (!literals || !set->bare)
                return -ENOMEM;
        for (uint32_t i = 0; r == 0 && i < m->n; i++) {
                const struct prefilter_rule *rule = &p->rules[m->ranks[i]];

                if (rule->buffer == BUFFERS)
                        set->bare[set->n_bare++] = entry_of(rule, m->ranks[i]);
                else if (prefilter_placed_fits(rule))
                        r = prefilter_members_add(&placed, m->ranks[i]);
                else
                        literal_of(rule, m->ranks[i], &literals[n++]);
        }
        p->bytes += m->n * sizeof(*set->bare);
        if (r == 0)
                r = prefilter_placed_build(p, &placed, &set->placed);
        free(placed.ranks);
        return r < 0 ? r : build_literals(p, literals, n, &set->literals);
}

int prefilter_sets_build(struct prefilter *p, const struct prefilter_members *m, struct prefilter_sets *sets)
{
        int r = 0;

        for (unsigned side = 0; r == 0 && side < PREFILTER_SIDES; side++) {
                struct prefilter_members of_side = {0};

                for (uint32_t i = 0; r == 0 && i < m->n; i++)
                        if (p->rules[m->ranks[i]].sides & 1u << side)
                                r = prefilter_members_add(&of_side, m->ranks[i]);
                if (r == 0 && of_side.n)
                        r = build_set(p, &of_side, &sets->of[side]);
                free(of_side.ranks);
        }
        return r;
}

static void set_done(struct prefilter_set *set)
{
        hs_free_database(set->literals.database);
        free(set->literals.first);
        free(set->literals.entries);
        prefilter_placed_free(set->placed);
        free(set->bare);
        *set = (struct prefilter_set){0};
}

void prefilter_sets_done(struct prefilter_sets *sets)
{
        for (unsigned side = 0; side < PREFILTER_SIDES; side++)
                set_done(&sets->of[side]);
}

struct scan {
        const struct prefilter_literals *literals;
        struct candidates *candidates;
        uint64_t ignored; /* hits that end here or before are old */
        uint64_t base;    /* of what is scanned */
        uint64_t packet;  /* where the packet's payload begins, of which places count too; UINT64_MAX: not */
        uint32_t size;
};

static inline bool place_fits(const struct prefilter_entry *e, uint64_t end)
{
        return end >= e->from && end <= e->till;
}

static int hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *userdata)
{
        const struct scan *scan = userdata;
        const struct prefilter_literals *l = scan->literals;
        uint64_t end = scan->base + to;

        (void) from;
        (void) flags;
        if (to <= scan->ignored || id >= l->n)
                return 0;
        for (uint32_t i = l->first[id]; i < l->first[id + 1]; i++) {
                const struct prefilter_entry *e = &l->entries[i];

                if ((place_fits(e, end) || (end > scan->packet && place_fits(e, end - scan->packet))) &&
                    prefilter_size_fits(e, scan->size))
                        candidates_add(scan->candidates, e->rank);
        }
        return 0;
}

/* Scans what is fresh, and before it what may be the beginning of a literal. */
static void scan(const struct prefilter_literals *l, struct prefilter_asking *a)
{
        const struct inspect_buffer *b = a->bytes;
        uint32_t fresh = MIN(b->fresh, b->len), before = MIN(b->len - fresh, PREFILTER_LITERAL_MAX - 1);
        uint32_t from = b->len - fresh - before;
        struct scan s = {.literals = l,
                         .candidates = a->candidates,
                         .ignored = before,
                         .base = b->base + from,
                         .packet = UINT64_MAX,
                         .size = a->size};

        if (a->packet)
                s.packet = b->base + b->len - MIN(a->packet->len, b->len);
        a->scanned += fresh;
        if (fresh > 0)
                (void) hs_scan(l->database, (const char *) b->data + from, fresh + before, 0, a->scratch, hit, &s);
}

void prefilter_sets_ask(const struct prefilter_sets *sets, struct prefilter_asking *a)
{
        const struct prefilter_set *set = &sets->of[a->side];

        if (a->bytes && set->placed) {
                prefilter_placed_ask(set->placed, a, a->bytes);
                if (a->packet)
                        prefilter_placed_ask(set->placed, a, a->packet);
        }
        if (a->bytes && set->literals.database)
                scan(&set->literals, a);
        for (uint32_t i = 0; i < set->n_bare; i++)
                if (prefilter_size_fits(&set->bare[i], a->size))
                        candidates_add(a->candidates, set->bare[i].rank);
}
