/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Abuse reports about a relay, for a person to read, address and send; nothing here sends. Two forms: a mail in the
 * Abuse Reporting Format (RFC 5965) with the redacted head of the mail in question and no body, and XARF 4 (xarf.org,
 * schemas of xarf-spec) as JSON. Pure but for GMime's memory; runs in `sekimori mail`. */
#ifndef SEKIMORI_MAIL_ABUSE_REPORT_H
#define SEKIMORI_MAIL_ABUSE_REPORT_H

#include "mail/abuse_redact.h"
#include "mail/chain.h"
#include "mail/record.h"

#define ABUSE_REPORT_HEAD (1u << 16) /* bytes of a mail's head that are reported */
#define ABUSE_REPORT_MAX  (1u << 18)
#define ABUSE_REPORT_NAME 128

struct abuse_report {
        const struct record *record;
        const struct chain *chain; /* of the mail; its relay is the record's */
        const char *head;
        size_t len;
        const char *reporter; /* whom to answer: an address */
        nsec_t now;
        const uint8_t *key; /* ABUSE_REDACT_KEY bytes */
};

/* Is there something to report? A relay that is believed, of a class that does harm by itself: a provider's relay is
 * better told by its customer's complaint, and of the unknown nothing is known. */
bool abuse_report_wanted(const struct record *record, const struct chain *chain);

/* Can it be answered to? */
bool abuse_report_is_address(const char *text);

/* Both: 0, -ENOMEM, -ENOBUFS, or -EINVAL for a reporter that is no address. */
int abuse_report_arf(const struct abuse_report *report, struct buf *out);
int abuse_report_xarf(const struct abuse_report *report, struct buf *out);

/* "20090803T141122Z-61.48.71.52": of the files, without what follows the last dot. */
const char *abuse_report_name(const struct record *record, char name[static ABUSE_REPORT_NAME]);

#endif
