/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks in a chain, each filled from its front; a mark is a place in the last one. Runs where rules are read. */
#include "rules/arena.h"

#include <stdalign.h>
#include <string.h>

#define BLOCK_BYTES (256u << 10)
#define ALIGN       alignof(max_align_t)

struct arena_block {
        struct arena_block *before;
        size_t size, at;
        alignas(max_align_t) unsigned char data[];
};

void arena_done(struct arena *a)
{
        arena_release(a, (struct arena_mark){0});
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
        size_t room = MAX(size, (size_t) BLOCK_BYTES);
        struct arena_block *b = malloc(sizeof(*b) + room);

        if (!b)
                return NULL;
        b->before = a->last;
        b->size = room;
        b->at = 0;
        return a->last = b;
}

void *arena_take(struct arena *a, size_t size)
{
        struct arena_block *b = a->last;
        void *p;

        if (size > a->max)
                return NULL;
        size = (size + ALIGN - 1) / ALIGN * ALIGN;
        if (size > a->max - a->used)
                return NULL;
        if ((!b || size > b->size - b->at) && !(b = add_block(a, size)))
                return NULL;
        p = b->data + b->at;
        b->at += size;
        a->used += size;
        return memset(p, 0, size);
}

char *arena_text(struct arena *a, const char *data, size_t len)
{
        char *p = len < SIZE_MAX ? arena_take(a, len + 1) : NULL;

        if (p && len)
                memcpy(p, data, len);
        return p;
}

void *arena_copy(struct arena *a, const void *data, size_t size)
{
        void *p = arena_take(a, MAX(size, 1u));

        if (p && size)
                memcpy(p, data, size);
        return p;
}

struct arena_mark arena_mark(const struct arena *a)
{
        return (struct arena_mark){a->last, a->last ? a->last->at : 0, a->used};
}

void arena_release(struct arena *a, struct arena_mark m)
{
        while (a->last != m.block) {
                struct arena_block *b = a->last;

                a->last = b->before;
                free(b);
        }
        if (a->last)
                a->last->at = m.at;
        a->used = m.used;
}
