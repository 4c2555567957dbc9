/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rules keep of a flow: bits, numbers, what waits and what has matched, as entries of 16 bytes in chunks of one
 * size, from a capped pool. Most flows have none. When the pool is used up, the flow longest unused loses all of it,
 * counted. Runs in the engine and in `read`. */
#include <errno.h>

#include "rules/inspect_internal.h"

#define SLAB_CHUNKS   64
#define ENTRIES_FIRST 12
#define ENTRIES_MORE  15
#define ENTRIES(f)    (ENTRIES_FIRST + ENTRIES_MORE * (unsigned) (f)->n_chunks)

struct chunk {
        struct chunk *next;
        uint64_t spare;
        struct inspect_entry entries[ENTRIES_MORE];
};

struct inspect_flow {
        struct inspect_flow *older, *younger;
        struct inspect_flow **owner;
        struct chunk *more;
        uint16_t n_chunks, n_used, n_waits, n_matches;
        uint32_t turn; /* where the search for one that goes ends next time */
        bool passed;
        uint8_t spare[11];
        struct inspect_entry entries[ENTRIES_FIRST];
};

union unit {
        union unit *free;
        struct chunk chunk;
        struct inspect_flow flow;
};
_Static_assert(sizeof(union unit) == INSPECT_CHUNK_BYTES, "chunks of one size");

struct slab {
        struct slab *next;
        union unit units[SLAB_CHUNKS];
};

struct inspect_pool {
        struct slab *slabs;
        union unit *free;
        struct inspect_flow *oldest, *youngest;
        uint64_t bytes, cap, dropped, waiting;
};

int inspect_pool_new(uint32_t bytes, struct inspect_pool **ret)
{
        struct inspect_pool *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        p->cap = MAX(bytes, sizeof(struct slab));
        *ret = p;
        return 0;
}

void inspect_pool_free(struct inspect_pool *p)
{
        if (!p)
                return;
        while (p->slabs) {
                struct slab *s = p->slabs;

                p->slabs = s->next;
                free(s);
        }
        free(p);
}

uint64_t inspect_pool_bytes(const struct inspect_pool *p)
{
        return p->bytes;
}

uint64_t inspect_pool_dropped(const struct inspect_pool *p)
{
        return p->dropped;
}

uint64_t inspect_pool_waiting(const struct inspect_pool *p)
{
        return p->waiting;
}

static void give(struct inspect_pool *p, void *unit)
{
        union unit *u = unit;

        u->free = p->free;
        p->free = u;
}

static bool grow(struct inspect_pool *p)
{
        struct slab *s = p->bytes + sizeof(*s) <= p->cap ? malloc(sizeof(*s)) : NULL;

        if (!s)
                return false;
        s->next = p->slabs;
        p->slabs = s;
        p->bytes += sizeof(*s);
        for (unsigned i = 0; i < SLAB_CHUNKS; i++)
                give(p, &s->units[i]);
        return true;
}

static void unlink_flow(struct inspect_pool *p, struct inspect_flow *f)
{
        *(f->older ? &f->older->younger : &p->oldest) = f->younger;
        *(f->younger ? &f->younger->older : &p->youngest) = f->older;
}

static void link_youngest(struct inspect_pool *p, struct inspect_flow *f)
{
        f->older = p->youngest;
        f->younger = NULL;
        *(p->youngest ? &p->youngest->younger : &p->oldest) = f;
        p->youngest = f;
}

void inspect_flow_free(struct inspect_pool *p, struct inspect_flow **flow)
{
        struct inspect_flow *f = *flow;

        if (!f)
                return;
        while (f->more) {
                struct chunk *c = f->more;

                f->more = c->next;
                give(p, c);
        }
        p->waiting -= f->n_waits;
        unlink_flow(p, f);
        *flow = NULL;
        give(p, f);
}

/* A zeroed unit; `keep` does not go for it. */
static void *take(struct inspect_pool *p, const struct inspect_flow *keep)
{
        union unit *u;

        while (!p->free && !grow(p)) {
                struct inspect_flow *f = p->oldest == keep && keep ? p->oldest->younger : p->oldest;

                if (!f)
                        return NULL;
                p->dropped++;
                inspect_flow_free(p, f->owner);
        }
        u = p->free;
        p->free = u->free;
        *u = (union unit){0};
        return u;
}

static struct inspect_flow *flow_of(struct inspect_pool *p, struct inspect_flow **flow)
{
        if (!*flow) {
                struct inspect_flow *f = take(p, NULL);

                if (!f)
                        return NULL;
                f->owner = flow;
                link_youngest(p, f);
                *flow = f;
        }
        return *flow;
}

void inspect_flow_touch(struct inspect_pool *p, struct inspect_flow **flow)
{
        struct inspect_flow *f = *flow;

        if (!f)
                return;
        f->owner = flow;
        if (f->younger) {
                unlink_flow(p, f);
                link_youngest(p, f);
        }
}

bool inspect_flow_passed(const struct inspect_flow *f)
{
        return f && f->passed;
}

int inspect_flow_pass(struct inspect_pool *p, struct inspect_flow **flow)
{
        struct inspect_flow *f = flow_of(p, flow);

        if (!f)
                return -ENOBUFS;
        f->passed = true;
        return 0;
}

unsigned inspect_flow_waits(const struct inspect_flow *f)
{
        return f ? f->n_waits : 0;
}

unsigned inspect_flow_matches(const struct inspect_flow *f)
{
        return f ? f->n_matches : 0;
}

static bool waits(uint8_t kind)
{
        return kind == ENTRY_WAIT || kind == ENTRY_WAIT_STREAM;
}

static bool has_matched(uint8_t kind)
{
        return kind == ENTRY_MATCHED || kind == ENTRY_MATCHED_STREAM;
}

static struct inspect_entry *entry_at(struct inspect_flow *f, unsigned at)
{
        struct chunk *c = f->more;

        if (at < ENTRIES_FIRST)
                return &f->entries[at];
        for (at -= ENTRIES_FIRST; at >= ENTRIES_MORE; at -= ENTRIES_MORE)
                c = c->next;
        return &c->entries[at];
}

struct inspect_entry *inspect_flow_next(struct inspect_flow *f, unsigned *at)
{
        while (f && *at < ENTRIES(f)) {
                struct inspect_entry *e = entry_at(f, (*at)++);

                if (e->kind != ENTRY_NONE)
                        return e;
        }
        return NULL;
}

struct inspect_entry *inspect_flow_find(struct inspect_flow *f, const struct inspect_entry *like)
{
        bool named = like->kind == ENTRY_BIT || like->kind == ENTRY_INT;
        struct inspect_entry *e;
        unsigned at = 0;

        while ((e = inspect_flow_next(f, &at)))
                if (e->kind == like->kind && e->id == like->id &&
                    (named || (e->to_server == like->to_server && e->transaction == like->transaction)))
                        return e;
        return NULL;
}

void inspect_flow_remove(struct inspect_pool *p, struct inspect_flow *f, struct inspect_entry *e)
{
        f->n_used--;
        if (waits(e->kind)) {
                f->n_waits--;
                p->waiting--;
        }
        f->n_matches -= has_matched(e->kind);
        e->kind = ENTRY_NONE;
}

/* One that waits or has matched goes; they take turns. */
static bool make_room(struct inspect_pool *p, struct inspect_flow *f, bool of_waits)
{
        for (unsigned i = 0, n = ENTRIES(f); i < n; i++) {
                struct inspect_entry *e = entry_at(f, f->turn++ % n);

                if (of_waits ? waits(e->kind) : has_matched(e->kind)) {
                        inspect_flow_remove(p, f, e);
                        return true;
                }
        }
        return false;
}

static struct inspect_entry *free_entry(struct inspect_pool *p, struct inspect_flow *f)
{
        struct chunk *c;

        for (unsigned at = 0; f->n_used < ENTRIES(f) && at < ENTRIES(f); at++)
                if (entry_at(f, at)->kind == ENTRY_NONE)
                        return entry_at(f, at);
        if (f->n_chunks == INSPECT_CHUNKS_MAX || !(c = take(p, f)))
                return NULL;
        c->next = f->more;
        f->more = c;
        f->n_chunks++;
        return &c->entries[0];
}

struct inspect_entry *inspect_flow_add(struct inspect_pool *p, struct inspect_flow **flow,
                                       const struct inspect_entry *e, bool *ret_dropped)
{
        struct inspect_flow *f = flow_of(p, flow);
        struct inspect_entry *place = NULL;

        *ret_dropped = false;
        if (!f)
                return NULL;
        if (waits(e->kind) && f->n_waits >= INSPECT_WAITS_MAX)
                *ret_dropped = make_room(p, f, true);
        place = free_entry(p, f);
        if (!place && (make_room(p, f, false) || (*ret_dropped = make_room(p, f, true))))
                place = free_entry(p, f);
        if (!place)
                return NULL;
        *place = *e;
        f->n_used++;
        if (waits(e->kind)) {
                f->n_waits++;
                p->waiting++;
        }
        f->n_matches += has_matched(e->kind);
        return place;
}
