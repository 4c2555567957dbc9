/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sekimori mail - --header`: a filter in a delivery pipe (.forward, procmail, maildrop). One message goes through,
 * byte by byte; fields that claim to be ours are taken out, and one of ours says what the inquiry found. A mail is
 * never lost: whatever goes wrong with us, it goes through with `class=unknown; reason=...` and status 0. Only when it
 * cannot be written the status is 75 (EX_TEMPFAIL of sysexits.h), so that the mail server keeps it and tries again.
 *
 * Two processes: the first holds the mail and does nothing but this; a child reads and asks, in the sandbox, and may
 * crash, hang or run out of memory. */
#ifndef SEKIMORI_CLI_MAIL_HEADER_H
#define SEKIMORI_CLI_MAIL_HEADER_H

#include "mail/chain.h"
#include "mail/record.h"

#define MAIL_HEADER_LIMIT (20 * NSEC_PER_SEC) /* then the mail goes through without an answer */

/* What the child tells. */
struct mail_header_told {
        uint32_t end; /* enum chain_end */
        struct record record;
};

struct mail_header_params {
        nsec_t limit; /* 0: MAIL_HEADER_LIMIT */
        /* In the child: asks about the mail with that head. 0 with *ret filled, or an exit status that says why not. */
        int (*ask)(void *userdata, const char *head, size_t len, struct mail_header_told *ret);
        void *userdata;
};

/* Is it asked for? Looked at before anything can go wrong: a command line that is wrong must not lose a mail. */
bool mail_header_wanted(int argc, char *const *argv);

/* From standard input to standard output. The exit status: 0 or 75. */
int mail_header_run(const struct mail_header_params *params);

/* The field's text, not folded: "X-Sekimori-Status: relay=192.0.2.1; class=...". `told` NULL: `reason` says why. */
void mail_header_text(struct buf *out, const struct mail_header_told *told, const char *reason);

#endif
