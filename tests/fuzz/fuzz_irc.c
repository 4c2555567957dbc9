/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of IRC, whole and in pieces, with gaps. The form of the input: app_fuzz.h. Seeds are cut from test captures of
 * Zeek (BSD) and nDPI (LGPL-3.0), and from the bot dialogs printed in Watanabe's talk (RIKEN). */
#include "app_fuzz.h"

extern const struct app_decoder decoder_irc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        app_fuzz_run(&decoder_irc, data, size);
        return 0;
}
