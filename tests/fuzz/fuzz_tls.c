/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS records and the hellos in them. The form of the input: app_fuzz.h. */
#include "app_fuzz.h"

extern const struct app_decoder decoder_tls;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        app_fuzz_run(&decoder_tls, data, size);
        return 0;
}
