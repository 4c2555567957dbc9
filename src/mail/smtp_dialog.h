/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client's side of the shortest SMTP dialog there is: the banner, EHLO, QUIT (RFC 5321 3.1, 4.1.1). Fed with what
 * the other side says, which may be anything; says what to send next, and what the other side is. Pure, no heap. Runs
 * where probes are made. */
#ifndef SEKIMORI_MAIL_SMTP_DIALOG_H
#define SEKIMORI_MAIL_SMTP_DIALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/answer.h"

#define SMTP_DIALOG_TEXT  128   /* of the banner */
#define SMTP_DIALOG_LINE  512   /* RFC 5321 4.5.3.1.5; what is longer is cut */
#define SMTP_DIALOG_BYTES 16384 /* of everything; who says more says too much */

enum smtp_dialog_next {
        SMTP_DIALOG_WAIT,     /* for more */
        SMTP_DIALOG_SAY_EHLO, /* once */
        SMTP_DIALOG_SAY_QUIT, /* once */
        SMTP_DIALOG_HANG_UP,  /* nothing is to be said or heard any more */
};

enum smtp_dialog_state { SMTP_DIALOG_BANNER, SMTP_DIALOG_EHLO, SMTP_DIALOG_QUIT, SMTP_DIALOG_OVER };

/* Zeroed to begin. */
struct smtp_dialog {
        enum answer server;              /* it is a mail server; unknown: something else, or it broke off */
        uint16_t banner_code, ehlo_code; /* 0: none came */
        uint8_t state;                   /* enum smtp_dialog_state */
        bool starttls;
        bool odd; /* what it said is no SMTP, or too much of it */
        bool named;
        uint16_t code; /* of the reply whose lines come */
        uint16_t len;  /* of the line so far */
        uint32_t bytes;
        char line[SMTP_DIALOG_LINE];
        char banner[SMTP_DIALOG_TEXT]; /* its first line without the code; printable ASCII, others are '?' */
};

/* Takes in what came. At most one thing is to be said for each call; what came behind it is not looked at. */
enum smtp_dialog_next smtp_dialog_feed(struct smtp_dialog *d, const void *data, size_t len);

#endif
