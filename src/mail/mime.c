/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Begins GMime. Runs in whichever process reads whole mails. */
#include "mail/mime.h"

#include <gmime/gmime.h>

void mime_init(void)
{
        g_mime_init();
}
