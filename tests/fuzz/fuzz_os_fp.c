/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A book of signatures from anywhere, asked about a few SYNs. */
#include <stdlib.h>
#include <string.h>

#include "decode/os_db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t kinds[] = {2, 4, 8, 1, 3};
        char text[128];
        struct buf why = BUF_FIXED(text);
        _cleanup_(os_db_freep)
        struct os_db *db = NULL;
        struct os_syn s = {.version = 4, .ttl = 60, .mss = 1460, .window = 64240, .scale = 7, .n_options = 5, .ts1 = 1};
        unsigned bad = 0;

        memcpy(s.options, kinds, sizeof(kinds));
        if (os_db_new(&db) < 0)
                abort();
        if (os_db_add(db, "fuzz", (const char *) data, size, &why, &bad) < 0)
                return 0;
        if ((bad > 0) != (why.len > 0) || os_db_count(db) > OS_DB_SIGNATURES)
                abort();
        for (unsigned i = 0; i < 4; i++) {
                struct os_match m;

                s.answer = i & 1;
                s.quirks = i & 2 ? OS_QUIRK_DF | OS_QUIRK_ID_SET : 0;
                os_db_match(db, &s, &m);
                if (strlen(m.name) >= OS_DB_NAME_MAX || strlen(m.version) >= OS_DB_NAME_MAX || m.confidence > 100 ||
                    (m.family == OS_FAMILY_UNKNOWN) != (m.confidence == 0))
                        abort();
        }
        return 0;
}
