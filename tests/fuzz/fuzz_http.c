/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP dialogs: heads, bodies, chunks, forms, packed bodies. The form of the input: app_fuzz.h. */
#include "app_fuzz.h"

extern const struct app_decoder decoder_http;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        app_fuzz_run(&decoder_http, data, size);
        return 0;
}
