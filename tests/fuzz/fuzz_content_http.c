/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP for rules. What follows rubbish is looked for where segments begin, so that the cut may matter. */
#include "content_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        content_fuzz_run(APP_HTTP, data, size, false);
        return 0;
}
