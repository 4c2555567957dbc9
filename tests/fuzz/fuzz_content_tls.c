/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS for rules, certificates and all. */
#include "content_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        content_fuzz_run(APP_TLS, data, size, true);
        return 0;
}
