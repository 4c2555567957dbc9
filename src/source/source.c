/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry of sources, from sources.def. */
#include "source/source.h"

#include <string.h>

#define SOURCE(name) extern const struct source source_##name;
#include "source/sources.def"
#undef SOURCE

#define SOURCE(name) &source_##name,
const struct source *const sources[] = {
#include "source/sources.def"
        NULL,
};
#undef SOURCE

void source_fds_close(struct source_fds *fds)
{
        for (int i = 0; i < fds->n; i++) {
                closep(&fds->fd[i]);
                fds->fd[i] = -1;
        }
}

const struct source *source_find(const char *name)
{
        for (size_t i = 0; sources[i]; i++)
                if (strcmp(sources[i]->name, name) == 0)
                        return sources[i];
        return NULL;
}
