/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One Received: header in the forms that real servers write. Pure; in whichever process reads mail.
 *
 * What the client said never becomes what the server saw. A header is split into tokens; what stands before "by" is
 * matched as a whole against a table of shapes (received_shape.c), what the name means is a matter of the server's make
 * (forms.def). Every address in a header must have its place in that form. If there is a second one where a peer's
 * could stand, somebody's text imitates a server's: the header is not read (RECEIVED_TROUBLE_TWO), and nobody is
 * believed. */
#ifndef SEKIMORI_MAIL_RECEIVED_H
#define SEKIMORI_MAIL_RECEIVED_H

#include "mail/address.h"
#include "mail/date.h"

#define RECEIVED_MAX    8192 /* bytes of a header; the longest seen in real mail has 1,400 */
#define RECEIVED_TOKENS 96   /* of a header; in real mail 40 */

enum received_kind {
        RECEIVED_UNREAD,  /* see `trouble` */
        RECEIVED_PEER,    /* from an address */
        RECEIVED_NAMED,   /* from somebody whose address this server does not write */
        RECEIVED_LOCAL,   /* handed over within a machine: a queue, a filter, a user of it */
        RECEIVED_FETCHED, /* taken out of a mailbox of ours by the server itself (fetchmail) */
};

enum received_trouble {
        RECEIVED_TROUBLE_NONE,
        RECEIVED_TROUBLE_LONG,       /* longer than RECEIVED_MAX, or more tokens */
        RECEIVED_TROUBLE_UNBALANCED, /* parentheses */
        RECEIVED_TROUBLE_FORM,       /* no form that is known */
        RECEIVED_TROUBLE_TWO,        /* can be read in two ways: a client's text imitates a server's */
};

enum received_flag {
        RECEIVED_SEEN = 1 << 0,           /* the address is what the server saw, not what it may have been told */
        RECEIVED_NAME_CONFIRMED = 1 << 1, /* this make of server writes only reverse names that lead back */
        RECEIVED_NAME_FORGED = 1 << 2,    /* the server itself says that the reverse name does not ("may be forged") */
        RECEIVED_NAME_UNSURE = 1 << 3,    /* one name is written: the reverse name, or what the client said */
        RECEIVED_DELIVERY = 1 << 4,       /* LMTP: the step into the mailbox, never spoken with others (RFC 2033 5) */
        RECEIVED_WEB = 1 << 5,            /* typed into a web mailer */
        RECEIVED_AUTH = 1 << 6,           /* the sender logged in */
        RECEIVED_TLS = 1 << 7,
        RECEIVED_ODD = 1 << 8,   /* words that the form does not have */
        RECEIVED_NAMES = 1 << 9, /* this server would have written a reverse name, had it found one */
};

enum received_form {
#define FORM(id, name, comment, with, lone, flags) RECEIVED_FORM_##id,
#include "mail/forms.def"
#undef FORM
        RECEIVED_FORMS
};

/* Slices live in the header's text. Absent ones have p == NULL; what is there may be empty ("HELO "). */
struct received {
        uint8_t kind, trouble, form; /* enum received_* */
        uint16_t flags;
        uint16_t port;     /* of the peer; 0: not written */
        struct addr peer;  /* PEER, FETCHED */
        struct slice rdns; /* the peer's name as the server saw it */
        struct slice helo; /* what the peer said */
        struct slice ident;
        struct slice by, with, id, envelope_from;
        struct slice to;   /* "for" */
        struct slice user; /* who logged in */
        struct date date;
};

/* Reads the header's body, folded or not. Returns its kind. */
enum received_kind received_read(struct slice body, struct received *ret);

const char *received_form_name(unsigned form);
const char *received_trouble_text(unsigned trouble);

/* Is the reverse name one, and not an address or "unknown" in its place? */
bool received_has_name(const struct received *r);

#endif
