/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets from anywhere as SYNs: from an IP header on (first byte even), or as a frame of Ethernet; and what our book
 * says of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/os_db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct os_syn *s)
{
        static struct os_db *db;
        char text[1024];
        struct buf b = BUF_FIXED(text);
        struct os_match m;

        if (!db && (os_db_new(&db) < 0 || os_db_add_own(db) < 0))
                abort();
        if ((s->version != 4 && s->version != 6) || s->n_options > OS_OPTIONS_MAX || s->quirks >= 1u << OS_QUIRKS)
                abort();
        os_syn_put(s, &b);
        if (b.error)
                abort();
        os_db_match(db, s, &m);
        if ((m.family == OS_FAMILY_UNKNOWN) != (m.confidence == 0) || (m.tool[0] && m.name[0]))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct os_syn s;
        int r;

        if (size == 0)
                return 0;
        if (data[0] & 1) {
                struct frame f = {
                        .data = data + 1, .caplen = (uint32_t) size - 1, .len = (uint32_t) size - 1, .link = 1};

                r = os_syn_read(&f, &s);
        } else
                r = os_syn_read_ip(data + 1, size - 1, &s);
        if (r == 0)
                check(&s);
        else if (r != -ENOMSG && r != -EBADMSG)
                abort();
        return 0;
}
