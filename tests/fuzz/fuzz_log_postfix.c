/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log of a mail server (Postfix), whole and cut, through the reader of logs. */
#include "log_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        log_fuzz_file("mail.log", data, size);
        return 0;
}
