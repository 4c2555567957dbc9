/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mail dialogs: commands, replies, bodies, in any cut. The form of the input: app_fuzz.h. Seeds are cut
 * from test captures of Zeek (BSD) and nDPI (LGPL-3.0), or made by hand. */
#include "app_fuzz.h"

extern const struct app_decoder decoder_smtp;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        app_fuzz_run(&decoder_smtp, data, size);
        return 0;
}
