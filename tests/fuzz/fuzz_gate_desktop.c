/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a desktop entry and as a list of handlers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "respond/gate_desktop.h"

#define HANDLERS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void note(void *userdata, const char *id)
{
        unsigned *n = userdata;
        size_t len = strlen(id);

        ++*n;
        require(len > 8 && len < GATE_DESKTOP_ID_MAX && strcmp(id + len - 8, ".desktop") == 0);
        require(!strchr(id, '/') && id[0] != '.');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct gate_desktop_entry e;
        unsigned told = 0, n;

        if (gate_desktop_parse((const char *) data, size, &e) == 0) {
                require(strlen(e.program) < sizeof(e.program));
                for (const char *p = e.program; *p; p++)
                        require((unsigned char) *p >= 0x20 && *p != 0x7f);
        }
        n = gate_desktop_handlers((const char *) data, size, HANDLERS_MAX, note, &told);
        require(n == told && n <= HANDLERS_MAX);
        return 0;
}
