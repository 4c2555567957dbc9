/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SMTP for rules, and the files in mails. */
#include "content_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        content_fuzz_run(APP_SMTP, data, size, true);
        return 0;
}
