/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of `sekimori mail` share: cmd_mail.c (options, mails in), mail_opening.c (the sandbox) and mail_tell.c
 * (what is said of them). Runs in the command line. */
#ifndef SEKIMORI_CLI_MAILING_H
#define SEKIMORI_CLI_MAILING_H

#include "cli/cli.h"
#include "cli/mail_asking.h"
#include "cli/mail_complaints.h"
#include "cli/mail_header.h"
#include "cli/mail_input.h"
#include "cli/mail_records.h"
#include "cli/mail_reports.h"

#define MAIL_WORDS_MAX 4096 /* of one option */
#define MAIL_WRITE_AT  (1u << 16)

struct words {
        const char *items[MAIL_WORDS_MAX];
        unsigned n;
};

struct mailing {
        struct cli *cli;
        struct words trust, lists, allow;
        struct mail_asking_params params;
        struct mail_asking asking;
        enum answer spam;
        struct mail_records *records; /* NULL: none are kept */
        bool again, numbers, learn;
        const char *report_folder, *reporter; /* NULL: not asked for */
        struct mail_reports *reports;         /* NULL: none are written */
        struct mail_complaints *complaints;
        bool passed_over; /* the newest mail was judged before */
        /* In a delivery pipe: its head, and where the answer goes. NULL: in none. */
        const char *head;
        size_t len;
        struct mail_header_told *piped;
        const char *consent, *opt_out, *by;
        struct buf out;
        struct mail_input_stats stats;
        uint64_t ends[CHAIN_END_BLIND + 1], forged;
        nsec_t begun, told;
        bool progress, shown, gone; /* gone: what is said cannot be written */
};

/* A mail on its way through the inquiry. */
struct passing {
        uint64_t number;
        bool cut;
        const char *head; /* for a report */
        size_t len;
        char path[];
};

/* --- mail_opening.c --- */

/* What else is made of the mails: reports, complaints. CLI_OK, or a status after its message. */
int mail_open_more(struct mailing *m);
/* Only what is named on the command line can be read after it. 0, or negative after a message. */
int mail_close_sandbox(struct mailing *m);

/* --- mail_tell.c --- */

/* One mail with its answers. */
void mail_tell(struct mailing *m, const struct passing *p, const struct chain *chain, const struct record *record);
void mail_tell_write(struct mailing *m); /* what is there, to standard output */
void mail_tell_progress(struct mailing *m);
void mail_tell_end(struct mailing *m); /* the summary, and what went wrong */

#endif
