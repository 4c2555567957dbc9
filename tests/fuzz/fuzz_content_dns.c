/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS for rules, as datagrams and over TCP: names, whatever their bytes are. */
#include "content_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        content_fuzz_run(APP_DNS, data, size, true);
        return 0;
}
