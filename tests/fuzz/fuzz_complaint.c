/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzes the reader of complaints: what it tells stays within its limits and is printable. */
#include <stdlib.h>

#include "mail/complaint.h"
#include "mail/mime.h"
#include "model/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds)
{
        if (!holds)
                abort();
}

static void need_printable(const char text[static COMPLAINT_TEXT])
{
        need(memchr(text, '\0', COMPLAINT_TEXT) != NULL);
        for (; *text; text++)
                need(*text > 32 && *text < 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct complaint c;

        mime_init();
        if (complaint_read((const char *) data, size, &c) < 0)
                return 0;
        need(complaint_is_likely((const char *) data, size));
        need(c.n_hops <= COMPLAINT_HOPS && c.format < COMPLAINT_FORMATS && c.about < COMPLAINT_ABOUTS);
        need(c.time >= 0 && c.incidents >= 1);
        need(c.n_hops || !addr_is_unspecified(&c.accused) || c.format == COMPLAINT_XARF ||
             c.format == COMPLAINT_SPAMCOP);
        need_printable(c.type);
        need_printable(c.from);
        return 0;
}
