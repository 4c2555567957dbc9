/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What nmap wrote, or somebody in its name: no document gives a host without a time, nor a system that is not sure. */
#include <stdlib.h>
#include <string.h>

#include "mail/nmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(nmap_freep)
        struct nmap *n = NULL;
        char text[256];
        struct buf why = BUF_FIXED(text);
        size_t piece = size ? 1 + data[0] : 1;
        const struct nmap_host *h;
        struct addr a;
        int r = 0;

        if (nmap_new(&n) < 0 || addr_parse("61.48.71.52", &a) < 0)
                abort();
        for (size_t i = 0; i < size && r == 0; i += piece)
                r = nmap_feed(n, (const char *) data + i, MIN(piece, size - i), &why);
        if (r == 0)
                r = nmap_end(n, &why);
        if (r < 0 && why.len == 0)
                abort();
        h = nmap_find(n, &a);
        if (h && (h->time <= 0 || h->accuracy > 100 || (h->family && h->accuracy < NMAP_SURE) ||
                  (!h->family && (h->role || h->os[0])) || !memchr(h->os, 0, sizeof(h->os))))
                abort();
        return 0;
}
