/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori mail --learn: which servers stand on top of mails, for a person to trust. Runs in the command line. */
#ifndef SEKIMORI_CLI_MAIL_LEARN_H
#define SEKIMORI_CLI_MAIL_LEARN_H

#include "cli/mailing.h"

/* Reads all mails named, within the sandbox and asking nobody, once for each step. A status. */
int mail_learn_run(struct mailing *m);

#endif
