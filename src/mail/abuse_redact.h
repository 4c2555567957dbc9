/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mail's head for strangers: without who received it. The local part of each recipient's address becomes a keyed hash
 * (RFC 6590), wherever it stands; fields that are not needed to find a sender are left out. Pure; in whichever process
 * writes abuse reports. */
#ifndef SEKIMORI_MAIL_ABUSE_REDACT_H
#define SEKIMORI_MAIL_ABUSE_REDACT_H

#include "base/buf.h"
#include "mail/slice.h"

#define ABUSE_REDACT_KEY     32
#define ABUSE_REDACT_WHO     64  /* recipients of a mail; with more, nothing of the head is given away */
#define ABUSE_REDACT_ADDRESS 320 /* RFC 5321 4.5.3.1: 64, @, 255 */

struct abuse_redact {
        uint8_t key[ABUSE_REDACT_KEY];
        struct {
                char text[ABUSE_REDACT_ADDRESS];
                uint16_t local, len; /* of its local part; of all */
        } who[ABUSE_REDACT_WHO];
        unsigned n;
        bool over;
};

/* `key`: a secret of whoever reports. Recipients are taken from the head. */
void abuse_redact_begin(struct abuse_redact *r, const uint8_t key[static ABUSE_REDACT_KEY], const char *head,
                        size_t len);
/* The text with recipients' addresses redacted. */
void abuse_redact_text(const struct abuse_redact *r, struct slice text, struct buf *out);
/* The head, field by field with LF; none when there are too many recipients to know. */
void abuse_redact_head(const struct abuse_redact *r, const char *head, size_t len, struct buf *out);

#endif
