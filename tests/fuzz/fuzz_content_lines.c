/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FTP and SSH for rules; flag 8 says which. */
#include "content_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size)
                content_fuzz_run(data[0] & 8 ? APP_SSH : APP_FTP, data, size, true);
        return 0;
}
