/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of networks, and the text of a block list in the configuration. */
#include <stdlib.h>
#include <string.h>

#include "mail/dnsbl.h"
#include "mail/netlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void list_text(const uint8_t *data, size_t size)
{
        char text[300], name[DNSBL_NAME_MAX];
        struct addr a = {{0x20, 1, [15] = 1}};
        struct dnsbl l;
        size_t n = size < sizeof(text) ? size : sizeof(text) - 1;

        memcpy(text, data, n);
        text[n] = 0;
        if (dnsbl_parse(text, &l) < 0)
                return;
        dnsbl_name(&l, &a, name);
        if (strlen(name) != 64 + strlen(l.zone) || !l.zone[0] || (!l.codes && !l.meaning))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(netlist_freep)
        struct netlist *l = NULL;
        char text[128];
        struct buf why = BUF_FIXED(text);
        struct addr a = {{[10] = 0xff, 0xff, 192, 0, 2, 1}};
        unsigned bad = 0;

        if (netlist_new(&l) < 0 || netlist_add_text(l, (const char *) data, size, &why, &bad) < 0)
                abort();
        netlist_ready(l);
        if ((bad > 0) != (why.len > 0))
                abort();
        netlist_has(l, &a);
        list_text(data, size);
        return 0;
}
