/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of mails out of a stream of bytes that comes in any pieces: one mail, or an mbox (RFC 4155) of any length.
 * Bodies are passed over, unless a mail is to be kept. Memory: one
 * head or such a mail, at most HEAD_MAX. Pure; in whichever process reads mail. */
#ifndef SEKIMORI_MAIL_MBOX_H
#define SEKIMORI_MAIL_MBOX_H

#include "base/buf.h"
#include "mail/head.h"

#define MBOX_LINE 256 /* bytes of a line that are kept to tell what it is */

struct mbox_mail {
        const char *head;
        size_t len;
        bool cut;        /* it was longer than HEAD_MAX */
        uint64_t number; /* in its stream, from 1 */
        uint64_t offset; /* of its first byte */
};

/* Called once for each mail, as soon as its head is there; the head lives during the call. */
typedef void mbox_each(void *userdata, const struct mbox_mail *mail);

struct mbox {
        mbox_each *each;
        /* Called behind `each` at the end of a mail that it asked to keep: all of it as the head, unless cut. */
        mbox_each *whole;
        bool keep; /* set by `each` to have that */
        void *userdata;
        struct buf head;
        char line[MBOX_LINE];
        size_t line_len; /* of the line so far; only its beginning is kept */
        uint64_t offset, number, line_at, mail_at, kept_at;
        bool many;  /* it began like an mbox */
        bool begun; /* the first line was seen */
        bool in_head, after_empty, cut;
};

void mbox_begin(struct mbox *m, mbox_each *each, void *userdata);
/* true: more bytes may still change something; false: the only mail's head is complete. */
bool mbox_push(struct mbox *m, const char *data, size_t len);
/* The stream is over. */
void mbox_finish(struct mbox *m);
void mbox_done(struct mbox *m);

/* Do the first bytes look like a mail's or an mbox's? `len` may be all there is. */
bool mbox_recognise(const char *data, size_t len);

#endif
