/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which servers stand on top of a folder's mails, so that a person may say that he trusts them (chain.h). Only
 * proposes.
 *
 * In steps from the outside of one's own server: a server is proposed when the server that is believed saw it in nearly
 * all mails, next to nobody else delivers there, it writes headers of its own under one name, and these have many
 * others beneath them, on several days. Then it is taken as trusted, all mails are read again, and the next step looks
 * at whom that server saw. What a sender forges stands beneath him: it is never looked at before he himself has passed.
 * Pure; runs in `mail`. */
#ifndef SEKIMORI_MAIL_LEARN_H
#define SEKIMORI_MAIL_LEARN_H

#include "base/cleanup.h"
#include "base/clock.h"
#include "mail/chain.h"

#define LEARN_STEPS    4  /* servers one behind the other; forwarders and a provider's inner ones are two or three */
#define LEARN_MAILS    20 /* fewer tell nothing */
#define LEARN_COVER    95 /* percent */
#define LEARN_OTHERS   2  /* networks that deliver past it: own machines, the day on which it was down */
#define LEARN_DAYS     3
#define LEARN_BENEATH  8 /* networks */
#define LEARN_GROUPS   8192u
#define LEARN_NAME_MAX 80

enum learn_kind { LEARN_ADDRESS, LEARN_NETWORK, LEARN_NAME, LEARN_KINDS };

enum learn_why {
        LEARN_PROPOSED,
        LEARN_NOBODY,     /* no mail has a hop there */
        LEARN_FEW_MAILS,  /* all in all */
        LEARN_NOT_ON_TOP, /* of too many */
        LEARN_PAST_IT,    /* too many others deliver past it */
        LEARN_FEW_DAYS,
        LEARN_SILENT, /* it writes no headers: to trust it says nothing */
        LEARN_FORGED, /* what stands beneath it contradicts what was seen of it */
        LEARN_NAMES,  /* what stands beneath it calls it by many names */
        LEARN_FEW_BENEATH,
        LEARN_DYNAMIC,  /* a customer's line */
        LEARN_EXCEPTED, /* configured as not trusted */
        LEARN_DEEP,     /* LEARN_STEPS were proposed */
        LEARN_WHYS
};

struct learn_step {
        enum learn_why why;
        enum learn_kind kind;
        struct cidr net;           /* but of NAME */
        char name[LEARN_NAME_MAX]; /* NAME: the domain. Else a reverse name of it, for people; letters, digits, "-."  */
        char by[LEARN_NAME_MAX];   /* the domain that its headers name as their writer; "" */
        uint64_t mails, of;        /* stands on top of so many of those that came so far */
        unsigned others;           /* networks that deliver past it */
        unsigned days, beneath;    /* at most LEARN_SEEN each: "or more" */
};
#define LEARN_SEEN 64

struct learn;

int learn_new(const struct chain_trust *trust, struct learn **ret); /* `trust` outlives it. 0, -ENOMEM */
void learn_free(struct learn *l);
DEFINE_FREEP(struct learn, learn_free)

/* One mail of this step. 0, -ENOMEM. */
int learn_add(struct learn *l, const char *head, size_t len);
/* Ends the step. True: *ret is proposed, and taken as trusted now; add all mails again. False: *ret is the nearest,
 * with what it lacks. */
bool learn_end(struct learn *l, struct learn_step *ret);

/* As `--trust` takes it: "192.0.2.1", "192.0.2.0/24", ".example.org". */
void learn_trust_text(const struct learn_step *s, struct buf *out);
const char *learn_why_name(unsigned why);  /* "few_mails" */
const char *learn_why_title(unsigned why); /* half a sentence */

#endif
