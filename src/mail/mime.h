/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GMime, begun once and before a sandbox closes: it reads what character sets there are. Runs in whichever process
 * reads whole mails. */
#ifndef SEKIMORI_MAIL_MIME_H
#define SEKIMORI_MAIL_MIME_H

void mime_init(void);

#endif
