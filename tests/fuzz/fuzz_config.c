/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a configuration: refused with a reason, or shown as a text that reads back as the same. */
#include <stdint.h>
#include <string.h>

#include "config/config.h"

#define TEXT_MAX (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_round_trip(const struct config *c)
{
        _cleanup_(config_freep)
        struct config *again = NULL;
        struct buf text = BUF_HEAP(TEXT_MAX), second = BUF_HEAP(TEXT_MAX), errors = BUF_HEAP(TEXT_MAX);

        require(config_show(c, &text) == 0);
        require(config_new_default(&again) == 0);
        if (config_parse(again, "shown", buf_str(&text), text.len, &errors) < 0) {
                fprintf(stderr, "%s\n%s\n", buf_str(&text), buf_str(&errors));
                abort();
        }
        require(config_show(again, &second) == 0);
        require(strcmp(buf_str(&text), buf_str(&second)) == 0);
        buf_done(&text);
        buf_done(&second);
        buf_done(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        struct buf errors = BUF_HEAP(TEXT_MAX);
        int r;

        require(config_new_default(&c) == 0);
        r = config_parse(c, "fuzz", (const char *) data, size, &errors);
        require(errors.error == 0);
        if (r == 0)
                check_round_trip(c);
        else
                require(errors.len > 0);
        for (size_t i = 0; i < errors.len; i++)
                require(errors.data[i] == '\n' || (unsigned char) errors.data[i] >= 0x20);
        buf_done(&errors);
        return 0;
}
