/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any line as an event: refused with a reason, or written as a line that reads back as the same. */
#include <stdint.h>
#include <string.h>

#include "view/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_round_trip(const struct event *e)
{
        struct buf line = BUF_HEAP(1u << 20), second = BUF_HEAP(1u << 20), scratch = BUF_HEAP(1u << 18),
                   why = BUF_HEAP(1u << 16);
        struct event again;

        json_event(&line, e, 0);
        require(line.error == 0);
        if (line.len <= JSON_LINE_MAX) { /* escapes may have made it longer */
                require(json_read_event(buf_str(&line), line.len, &again, &scratch, &why) == 0);
                json_event(&second, &again, 0);
                require(strcmp(buf_str(&line), buf_str(&second)) == 0);
        }
        buf_done(&line);
        buf_done(&second);
        buf_done(&scratch);
        buf_done(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf scratch = BUF_HEAP(1u << 18), why = BUF_HEAP(1u << 16);
        struct event e;

        if (json_read_event((const char *) data, size, &e, &scratch, &why) == 0)
                check_round_trip(&e);
        else
                require(why.len > 0);
        buf_done(&scratch);
        buf_done(&why);
        return 0;
}
