/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forms of a complaint. Runs in whichever process reads whole mails. */
#ifndef SEKIMORI_MAIL_COMPLAINT_INTERNAL_H
#define SEKIMORI_MAIL_COMPLAINT_INTERNAL_H

#include "mail/complaint.h"

struct complaint_parts {
        struct complaint *c;
        bool arf, xarf; /* its own fields were seen */
        unsigned parts;
};

/* The fields of message/feedback-report. */
void complaint_take_arf(struct complaint_parts *p, const char *text, size_t len);
/* "Key: value" lines of X-ARF 0.2: YAML, of which nothing else is used there. Does nothing with what lacks its keys. */
void complaint_take_yaml(struct complaint_parts *p, const char *text, size_t len);
/* XARF 3 or 4; likewise. */
void complaint_take_json(struct complaint_parts *p, const char *text, size_t len);
/* The head of the mail that is complained about. */
void complaint_take_head(struct complaint *c, const char *text, size_t len);
/* SpamCop: subject and text. 0 or -ENOMSG. */
int complaint_take_spamcop(struct complaint *c, struct slice subject, const char *text, size_t len);

/* RFC 5322, or ISO 8601; false: neither, and *ret stays. */
bool complaint_date(struct slice text, nsec_t *ret);
bool complaint_address(struct slice text, struct addr *ret);
/* Of outside text: printable ASCII, cut. */
void complaint_text(struct slice text, char ret[static COMPLAINT_TEXT]);
/* What the words of a report's type mean. */
uint8_t complaint_about_of(struct slice type);

#endif
