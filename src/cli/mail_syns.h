/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SYNs to port 25 out of a capture, by source and time: what system was it that delivered a mail? Bounded: of too many
 * the oldest read are forgotten. Runs in `mail`, within its sandbox. */
#ifndef SEKIMORI_CLI_MAIL_SYNS_H
#define SEKIMORI_CLI_MAIL_SYNS_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "decode/os_syn.h"

#define MAIL_SYNS_MAX  262144u
#define MAIL_SYNS_NEAR (600 * NSEC_PER_SEC) /* a mail's time is that of its end, by a clock that may be minutes off */

struct mail_syns;

int mail_syns_new(struct mail_syns **ret);
void mail_syns_free(struct mail_syns *s);
DEFINE_FREEP(struct mail_syns, mail_syns_free)

/* Reads a whole capture, compressed or not. 0, or negative errno with the reason in `why`. */
int mail_syns_read(struct mail_syns *s, const char *path, struct buf *why);
/* The SYN from `a` that is nearest to `came`, and near. NULL: none. */
const struct os_syn *mail_syns_find(const struct mail_syns *s, const struct addr *a, nsec_t came);
unsigned mail_syns_count(const struct mail_syns *s);

#endif
