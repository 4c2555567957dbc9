/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FTP's control connection and the data connections it announces. The form of the input: app_fuzz.h. Seeds are cut
 * from test captures of Zeek (BSD) and nDPI (LGPL-3.0), or made by hand. */
#include "app_fuzz.h"

extern const struct app_decoder decoder_ftp;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        app_fuzz_run(&decoder_ftp, data, size);
        return 0;
}
