/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zeek's logs, with and without a header, through the reader of logs. */
#include "log_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        log_fuzz_file("some.log", data, size);
        return 0;
}
