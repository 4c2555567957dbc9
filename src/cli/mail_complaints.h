/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mails of `sekimori mail` that are complaints themselves: whom they accuse, and what that says of a home host. With a
 * store it becomes evidence there, beside what is known of the host. Runs in the command line, within the sandbox. */
#ifndef SEKIMORI_CLI_MAIL_COMPLAINTS_H
#define SEKIMORI_CLI_MAIL_COMPLAINTS_H

#include "cli/cli.h"
#include "mail/chain.h"
#include "mail/mbox.h"

struct mail_complaints;

struct mail_complaints_params {
        const struct config *config;     /* this and all that follows outlive it */
        const struct chain_trust *trust; /* whose headers of the complaint are believed */
        struct store *store;             /* NULL: only told */
        bool json;
};

/* Before the sandbox closes. */
int mail_complaints_new(const struct mail_complaints_params *params, struct mail_complaints **ret);
void mail_complaints_free(struct mail_complaints *c);
DEFINE_FREEP(struct mail_complaints, mail_complaints_free)

/* For struct mail_input_params. */
bool mail_complaints_wants(const struct mbox_mail *mail);
/* Reads it and says what it says: a line of JSON, or sentences. Nothing when it is none. */
void mail_complaints_take(struct mail_complaints *c, const char *path, const struct mbox_mail *mail, struct buf *out);

#endif
