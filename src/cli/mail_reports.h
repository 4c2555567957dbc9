/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sekimori mail --abuse-report DIR`: a file in ARF and one in XARF for each relay that does harm, for a person to
 * send. Nothing is sent. Files appear whole or not at all, are readable by their owner only, and are never written
 * over. Runs in the command line; open before the sandbox closes, which must let it write there. */
#ifndef SEKIMORI_CLI_MAIL_REPORTS_H
#define SEKIMORI_CLI_MAIL_REPORTS_H

#include "base/cleanup.h"
#include "mail/chain.h"
#include "mail/record.h"

#define MAIL_REPORTS_MAX  1000       /* relays in one run */
#define MAIL_REPORTS_HEAD (1u << 16) /* bytes of a head that are of use */

struct mail_reports;

/* Makes the folder if need be. `reporter`: the address to answer to; NULL: postmaster at this machine's name. -EINVAL:
 * it is no address. */
int mail_reports_new(const char *dir, const char *reporter, struct mail_reports **ret);
void mail_reports_free(struct mail_reports *r);
DEFINE_FREEP(struct mail_reports, mail_reports_free)

/* A mail with its record: a report when its relay deserves one and has none in this run. 0, or negative errno of a file
 * that cannot be written. */
int mail_reports_add(struct mail_reports *r, const struct record *record, const struct chain *chain, const char *head,
                     size_t len);
/* What was written, for people; nothing when nothing was. */
void mail_reports_tell(const struct mail_reports *r, struct buf *out);

#endif
