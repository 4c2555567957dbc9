/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ways: its memory. Runs in the engine. */
#include "detect/ways.h"

#include <errno.h>
#include <stdlib.h>

#define LINE 64u

/* Zeroed by the kernel when first touched, and begun at a cache line. */
static void *take(size_t size, void **ret_memory)
{
        char *p = calloc(1, size + LINE);

        *ret_memory = p;
        return p ? p + (LINE - (uintptr_t) p % LINE) % LINE : NULL;
}

int ways_init(struct ways *w, uint32_t cap, uint32_t entry_size)
{
        *w = (struct ways){.mask = cap / WAYS - 1, .entry_size = entry_size};
        if (cap < WAYS || cap & (cap - 1))
                return -EINVAL;
        w->slots = take((size_t) cap * sizeof(*w->slots), &w->memory[0]);
        if (entry_size)
                w->entries = take((size_t) cap * entry_size, &w->memory[1]);
        return w->slots && (w->entries || !entry_size) ? 0 : -ENOMEM;
}

void ways_done(struct ways *w)
{
        free(w->memory[0]);
        free(w->memory[1]);
        *w = (struct ways){0};
}
