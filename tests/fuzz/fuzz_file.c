/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flows that are a file: programs, announced ones. The form of the input: app_fuzz.h. */
#include "app_fuzz.h"

extern const struct app_decoder decoder_file;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        app_fuzz_run(&decoder_file, data, size);
        return 0;
}
