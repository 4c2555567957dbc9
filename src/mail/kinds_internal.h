/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kinds.c (judgements), kinds_address.c (addresses in names) and kinds_words.c (words in names) share. Runs where
 * mail/kinds.h says. */
#ifndef SEKIMORI_MAIL_KINDS_INTERNAL_H
#define SEKIMORI_MAIL_KINDS_INTERNAL_H

#include "mail/kinds.h"

#define KINDS_NAME_MAX 253 /* RFC 1035 2.3.4; what is longer is no name */

/* Are parts of the address in this text? */
bool kinds_address_in(struct slice text, const struct addr *a);
/* enum kinds_trait of one token: letters only, any case. `first`: of the first label. */
uint32_t kinds_words_of(struct slice token, bool first);

#endif
