/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sekimori mail --again`: asks about relays again, after hours and days, since addresses change hands. Runs in the
 * command line. */
#ifndef SEKIMORI_CLI_MAIL_AGAIN_H
#define SEKIMORI_CLI_MAIL_AGAIN_H

#include "cli/mailing.h"

#define MAIL_AGAIN_MAX 100000u /* relays in one run; those beyond wait for the next */

/* Asks about the relays whose time has come (record_is_due()), and waits for the answers. The exit status. */
int mail_again_run(struct mailing *m);
/* A relay that was asked about again, as the store has placed it. */
void mail_again_tell(struct mailing *m, const struct record *r);

#endif
