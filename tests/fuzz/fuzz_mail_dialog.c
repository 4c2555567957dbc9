/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a probed machine may say, in pieces: the first byte is the length of the pieces. We must never say more than one
 * EHLO and one QUIT. */
#include <stdlib.h>
#include <string.h>

#include "mail/smtp_dialog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct smtp_dialog d = {0};
        unsigned ehlo = 0, quit = 0;
        size_t step;

        if (size == 0)
                return 0;
        step = data[0] ? data[0] : 4096;
        data++;
        size--;
        for (size_t at = 0; at < size; at += step) {
                enum smtp_dialog_next next = smtp_dialog_feed(&d, data + at, size - at < step ? size - at : step);

                ehlo += next == SMTP_DIALOG_SAY_EHLO;
                quit += next == SMTP_DIALOG_SAY_QUIT;
                if (next == SMTP_DIALOG_HANG_UP && d.state != SMTP_DIALOG_OVER)
                        abort();
        }
        if (ehlo > 1 || quit > 1 || d.bytes > SMTP_DIALOG_BYTES + 1 || d.len > SMTP_DIALOG_LINE)
                abort();
        if (memchr(d.banner, 0, sizeof(d.banner)) == NULL)
                abort();
        for (const char *p = d.banner; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                        abort();
        return 0;
}
