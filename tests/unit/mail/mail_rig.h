/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the stage "mail" share: headers as strings, and the shared data, if there is any. */
#ifndef SEKIMORI_TEST_MAIL_RIG_H
#define SEKIMORI_TEST_MAIL_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "mail/received.h"

static inline struct slice rig_slice(const char *s)
{
        return (struct slice){s, (uint32_t) strlen(s)};
}

/* The slice as a string; "" when it is not there. Valid until four calls later. */
static inline const char *rig_text(struct slice s)
{
        static char texts[4][512];
        static unsigned next;
        char *text = texts[next++ % 4];

        snprintf(text, sizeof(texts[0]), "%.*s", s.p ? (int) s.len : 0, s.p ? s.p : "");
        return text;
}

/* A file of the shared data (SEKIMORI_DATA, or ../shared/data), or NULL. The caller closes it. */
static inline FILE *rig_data(const char *name)
{
        const char *data = getenv("SEKIMORI_DATA");
        char path[512];
        FILE *file = NULL;

        for (unsigned up = 0; !file && up < (data ? 1u : 4u); up++) {
                static const char *const places[] = {"../shared/data", "../../shared/data", "../../../shared/data",
                                                     "../../../../shared/data"};

                snprintf(path, sizeof(path), "%s/mail/%s", data ? data : places[up], name);
                file = fopen(path, "re");
        }
        return file;
}

/* Says so when it is not there. */
static inline bool rig_has_data(const char *name)
{
        _cleanup_fclose_ FILE *file = rig_data(name);

        if (!file)
                printf("no mail/%s: set SEKIMORI_DATA to a folder that has it\n", name);
        return file != NULL;
}

#endif
